#!/usr/bin/env node
// Times llama.cpp on a GGUF file, as a peer of trainer bench kernels.
//
//   llamacpp.mjs MODEL.gguf THREADS[,THREADS...]
//
// Says "ready" and then answers every line on standard input with one JSON object: for each number of threads
// "prompt N", tokens a second of a batch of 64 random tokens, and "decode N", tokens a second of 64 tokens one by
// one from an empty context. Logits of the last token are computed and nothing is sampled. The calls go to the
// native binding, so that no scheduling in JavaScript is timed.
//
// Needs node-llama-cpp 3, looked for in NODE_LLAMA_CPP_DIR or else in the working directory.
import {spawnSync} from "node:child_process";
import path from "node:path";
import readline from "node:readline";
import {pathToFileURL} from "node:url";

const TOKENS = 64;
const [file, list] = process.argv.slice(2);
if (!list) {
    console.error("usage: llamacpp.mjs MODEL.gguf THREADS[,THREADS...]");
    process.exit(2);
}
// With several threads in Node's pool each call may come from another one, and llama.cpp starts its own anew.
if (process.env.UV_THREADPOOL_SIZE !== "1") {
    const env = {...process.env, UV_THREADPOOL_SIZE: "1"};
    process.exit(spawnSync(process.execPath, process.argv.slice(1), {env, stdio: "inherit"}).status ?? 1);
}

const home = path.resolve(process.env.NODE_LLAMA_CPP_DIR ?? ".", "node_modules", "node-llama-cpp", "dist", "index.js");
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(home).href);
const llama = await getLlama({gpu: false, build: "never", skipDownload: true, maxThreads: 0, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: path.resolve(file)});
const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;

const contexts = [];
for (const threads of list.split(",").map(Number)) {
    const context = await model.createContext({contextSize: 2 * TOKENS, batchSize: TOKENS, threads, sequences: 1});
    context._ctx.setThreads(threads);
    contexts.push({threads, native: context._ctx});
}

const token = (i) => (i * 7919 + 13) % vocabulary;

/** Appends the tokens from, ..., to-1 in one batch. */
async function append(native, from, to) {
    native.initBatch(to - from);
    native.addToBatch(0, from, Uint32Array.from({length: to - from}, (_, i) => token(from + i)), Uint32Array.of(to - from - 1));
    await native.decodeBatch();
}

/** Tokens a second of TOKENS tokens in batches of the given size. */
async function rate(native, batch) {
    native.disposeSequence(0);
    const start = performance.now();
    for (let at = 0; at < TOKENS; at += batch) await append(native, at, at + batch);
    return 1e3 * TOKENS / (performance.now() - start);
}

async function round() {
    const answer = {};
    for (const {threads, native} of contexts) {
        answer[`prompt ${threads}`] = await rate(native, TOKENS);
        answer[`decode ${threads}`] = await rate(native, 1);
    }
    return answer;
}

await round(); // what the first calls set up
console.log("ready");
for await (const _ of readline.createInterface({input: process.stdin})) console.log(JSON.stringify(await round()));
process.exit(0);
