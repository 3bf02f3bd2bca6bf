"""Writes checkpoints and vectors: python make.py [FOLDER [SEED]]; by default those of this folder, with seed 0.

Small random models as transformers saves them, with its logits and greedy
continuation: what the golden family "llama" does not have. transformers 5.24.0,
torch 2.15.0, float32 on the CPU.
"""
import json, os, struct, sys
import torch, transformers
from tokenizers import ByteLevelBPETokenizer
from transformers import BitNetConfig, LlamaConfig, MistralConfig, Qwen3Config, AutoModelForCausalLM, PreTrainedTokenizerFast

here = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(sys.argv[0]))
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
small = dict(vocab_size=61, hidden_size=24, intermediate_size=40, num_hidden_layers=2, max_position_embeddings=96)
cases = {
    "llama_untied": (LlamaConfig(**small, num_attention_heads=4, num_key_value_heads=2), dict(bf16=True)),
    "llama3_rope": (LlamaConfig(**small, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-5,
        rope_parameters=dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                             original_max_position_embeddings=32)), {}),
    "linear_rope": (LlamaConfig(**small, num_attention_heads=3, num_key_value_heads=1,
        rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0)), {}),
    "bitnet": (BitNetConfig(**small, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True), {}),
    "mistral": (MistralConfig(**small, num_attention_heads=4, num_key_value_heads=2, sliding_window=None), {}),
    "qwen3_shards": (Qwen3Config(**small, num_attention_heads=4, num_key_value_heads=2, head_dim=10), dict(max_shard_size="16KB")),
    "text": (LlamaConfig(**{**small, "vocab_size": 300}, num_attention_heads=4, num_key_value_heads=1,
                         bos_token_id=298, eos_token_id=299), dict(tokenizer=True)),
}


def tokenizer():
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator([open(os.path.abspath(sys.argv[0])).read()], vocab_size=298)
    bpe.add_special_tokens(["<|begin|>", "<|end|>"])
    return PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer, bos_token="<|begin|>", eos_token="<|end|>")


def write(path, tensors):
    header, data = {}, b""
    for name, (kind, shape, raw) in tensors.items():
        header[name] = dict(dtype=kind, shape=shape, data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


arrays, manifest = {}, []
for name, (config, save) in cases.items():
    torch.manual_seed(1000 * seed + len(manifest))
    bf16, tok = save.pop("bf16", False), tokenizer() if save.pop("tokenizer", False) else None
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for key, p in model.named_parameters():  # gains and scores that show a mistake
            p.copy_(0.5 + torch.rand_like(p) if p.dim() == 1 else torch.randn_like(p) * (1.0 if "embed" in key else p.shape[-1] ** -0.5))
        if tok:  # it writes ASCII only: ids 94 to 255 but the space are bytes that are not
            model.lm_head.weight[[i for i in range(94, 256) if i != 220]] = 0
        model.tie_weights()
        if bf16:
            model = model.to(torch.bfloat16)
        model.save_pretrained(os.path.join(here, name), **save)
        if tok:
            tok.save_pretrained(os.path.join(here, name))
        model = AutoModelForCausalLM.from_pretrained(os.path.join(here, name), dtype=torch.float32).eval()
        ids = torch.randint(0, config.vocab_size, (1, 40))
        logits = model(ids).logits[0]
        greedy = ids[0, :8].tolist()
        for _ in range(24):
            greedy.append(int(model(torch.tensor([greedy])).logits[0, -1].argmax()))
        text = None
        if tok:
            prompt = "def write(path, "
            enc = tok(prompt, return_tensors="pt")
            out = model.generate(**enc, max_new_tokens=24, do_sample=False)
            text = dict(prompt=prompt, continuation=tok.decode(out[0, enc["input_ids"].shape[1]:], skip_special_tokens=True))
    for role, t in (("input_ids", ids[0].int()), ("greedy", torch.tensor(greedy).int()), ("logits", logits.float())):
        arrays[f"{name}.{role}"] = ("F32" if t.is_floating_point() else "I32", list(t.shape), t.contiguous().numpy().tobytes())
    manifest.append(dict(name=name, hyper=dict(folder=name, text=text), tolerance=dict(kind="abs", value=1e-4),
                         tensors={r: f"{name}.{r}" for r in ("input_ids", "greedy", "logits")}))
write(os.path.join(here, "hf.safetensors"), arrays)
with open(os.path.join(here, "hf.json"), "w") as f:
    json.dump(dict(tensors_file="hf.safetensors", references=dict(transformers=transformers.__version__, torch=torch.__version__), cases=manifest), f, indent=1)
