// Stock llama.cpp as a reference: llamacpp.mjs MODEL.gguf CONTEXT
//
// Says "ready" and then answers every line on standard input, a JSON object, with one:
//
//   {"tokens": [1,2], "logits": true}   "logits": base64 of float32 [positions, vocabulary] of a prompt
//   {"tokens": [1,2], "greedy": 8}      "greedy": the most likely tokens, one by one, until one ends a generation
//   {"text": "...", "special": false}   "tokens": of a text; special tokens in it are meant with "special"
//
// A failure is {"error": "..."}. Keys and values are cached in float32, without flash attention, so that rounding
// differs as little as possible, and one thread computes: those of llama.cpp wait for each other by spinning, which
// on a busy machine takes minutes. Needs node-llama-cpp 3, looked for in NODE_LLAMA_CPP_DIR.
import {spawnSync} from "node:child_process";
import path from "node:path";
import readline from "node:readline";
import {pathToFileURL} from "node:url";

const [file, size] = process.argv.slice(2);
// With several threads in Node's pool each call may come from another one, and llama.cpp starts its own anew.
if (process.env.UV_THREADPOOL_SIZE !== "1") {
    const env = {...process.env, UV_THREADPOOL_SIZE: "1"};
    process.exit(spawnSync(process.execPath, process.argv.slice(1), {env, stdio: "inherit"}).status ?? 1);
}

const home = path.resolve(process.env.NODE_LLAMA_CPP_DIR, "node_modules", "node-llama-cpp", "dist", "index.js");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(home).href);
const llama = await getLlama({gpu: false, build: "never", skipDownload: true, maxThreads: 0, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: path.resolve(file)});
const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
const context = await model.createContext({
    contextSize: Number(size), batchSize: Number(size), threads: 1, sequences: 1, flashAttention: false,
    experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32"
});
const sequence = context.getSequence();

async function logits(tokens) {
    const rows = new Float32Array(tokens.length * vocabulary).fill(NaN);
    const want = {generateNext: {logits: true, options: {temperature: 0}}};
    await sequence.controlledEvaluate(tokens.map((id) => [id, want]), {
        onTokenResult(i, {next}) {
            for (const [id, logit] of next.logits) rows[i * vocabulary + id] = logit;
        }
    });
    return Buffer.from(rows.buffer).toString("base64");
}

async function greedy(tokens, n) {
    const ids = [];
    for (let input = tokens; ids.length < n; input = ids.slice(-1)) {
        const last = input.length - 1;
        const want = {generateNext: {token: true, options: {temperature: 0}}};
        const out = await sequence.controlledEvaluate(input.map((id, i) => (i === last ? [id, want] : id)));
        ids.push(out[last].next.token);
        if (model.isEogToken(ids.at(-1))) break;
    }
    return ids;
}

async function answer({tokens, text, special, logits: wantLogits, greedy: n}) {
    if (text !== undefined) return {tokens: Array.from(model.tokenize(text, Boolean(special)))};
    await sequence.clearHistory();
    if (wantLogits) return {logits: await logits(tokens)};
    return {greedy: await greedy(tokens, n)};
}

console.log("ready");
for await (const line of readline.createInterface({input: process.stdin})) {
    const out = await answer(JSON.parse(line)).catch((e) => ({error: String(e)}));
    console.log(JSON.stringify(out));
}
process.exit(0);
