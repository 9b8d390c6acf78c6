#!/usr/bin/env python3
"""PyTorch on the graphics processor, eager and compiled, with the shapes that bench_models times: the published Anatomy Perception Module (ResNet-50 at 1024 x 1024)
and a language model of Gemma 3 4B's shapes, with random weights in bfloat16.

Development only: needs PyTorch and a card, and says so where one is missing. Usage:

    tests/bench/bench_pytorch_gpu.py [--seconds N] [--small] [--device cpu]

Stops beginning new rows after N seconds (compiling takes most of the time). --small with --device cpu checks that the script runs, on shapes that say nothing about
speed. One row a line: name, milliseconds (the best of several rounds), rate. Attention here sees all keys before a query; ours leaves out in five layers of six what
lies more than 1,024 back. A decoded token includes the choice of the likeliest on the card, as ours does.
"""
import argparse, os, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print("PyTorch is not compared: it is not installed here")
    sys.exit(0)

BF16 = torch.bfloat16


class Gemma:
    """Gemma 3's decoder: grouped queries, norms of heads, rotary positions, gated GELU, tied head; optionally LoRA on all seven projections."""

    def __init__(self, on, layers, width, heads, kv_heads, hd, ffn, vocab, places, rank=0):
        self.heads, self.kv, self.hd, self.width = heads, kv_heads, hd, width
        make = lambda *shape: torch.randn(*shape, device=on, dtype=BF16) * shape[-1] ** -0.5
        self.embed = torch.empty(vocab, width, device=on, dtype=BF16).normal_(0, width ** -0.5)
        q, k = heads * hd, kv_heads * hd
        shapes = {"qkv": (q + 2 * k, width), "o": (width, q), "gate_up": (2 * ffn, width), "down": (width, ffn)}
        self.layers = [{name: make(*s) for name, s in shapes.items()} for _ in range(layers)]
        self.lora = []
        for layer in self.layers:
            for name in ("n1", "n2", "n3", "n4"):
                layer[name] = torch.ones(width, device=on, dtype=BF16)
            layer["qn"], layer["kn"] = torch.ones(hd, device=on, dtype=BF16), torch.ones(hd, device=on, dtype=BF16)
            layer["k"] = torch.zeros(1, kv_heads, places, hd, device=on, dtype=BF16)
            layer["v"] = torch.zeros_like(layer["k"])
            if rank:
                for name, (out, inside) in shapes.items():
                    layer[name + "a"] = torch.randn(rank, inside, device=on).mul_(inside ** -0.5).requires_grad_()
                    layer[name + "b"] = torch.zeros(out, rank, device=on).requires_grad_()
                    self.lora += [layer[name + "a"], layer[name + "b"]]
        angle = torch.arange(places, device=on)[:, None] / 10000 ** (torch.arange(0, hd, 2, device=on) / hd)
        self.cos, self.sin = angle.cos().to(BF16), angle.sin().to(BF16)
        self.places = torch.arange(places, device=on)

    def norm(self, x, w):
        return F.rms_norm(x, (x.shape[-1],), w, 1e-6)

    def linear(self, layer, name, x):
        y = F.linear(x, layer[name])
        if name + "a" in layer:
            y = y + F.linear(F.linear(x, layer[name + "a"].to(BF16)), layer[name + "b"].to(BF16))
        return y

    def turn(self, x, cos, sin):
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def run(self, ids, at, cached):
        """ids [n]; at [n]: their places. cached: a few tokens over all places of the cache, else among themselves."""
        x = F.embedding(ids, self.embed) * self.width ** 0.5
        n, cos, sin = ids.shape[0], self.cos[at], self.sin[at]
        seen = (self.places[None] <= at[:, None]) if cached else None
        for l in self.layers:
            h = self.norm(x, l["n1"])
            q, k, v = self.linear(l, "qkv", h).split([self.heads * self.hd, self.kv * self.hd, self.kv * self.hd], -1)
            q = self.turn(self.norm(q.view(n, self.heads, self.hd), l["qn"]).transpose(0, 1), cos, sin)[None]
            k = self.turn(self.norm(k.view(n, self.kv, self.hd), l["kn"]).transpose(0, 1), cos, sin)[None]
            v = v.view(n, self.kv, self.hd).transpose(0, 1)[None]
            if cached:
                l["k"].index_copy_(2, at, k)
                l["v"].index_copy_(2, at, v)
                k, v = l["k"], l["v"]
            repeat = self.heads // self.kv
            y = F.scaled_dot_product_attention(q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1), attn_mask=seen, is_causal=not cached, scale=1 / 16)
            x = x + self.norm(self.linear(l, "o", y[0].transpose(0, 1).reshape(n, -1)), l["n2"])
            gate, up = self.linear(l, "gate_up", self.norm(x, l["n3"])).chunk(2, -1)
            x = x + self.norm(self.linear(l, "down", F.gelu(gate, approximate="tanh") * up), l["n4"])
        return x

    def step(self, ids, at):
        return F.linear(self.run(ids, at, True), self.embed).argmax(-1)

    def prefill(self, ids, at):
        return F.linear(self.run(ids, at, False)[-1:], self.embed).argmax(-1)

    def loss(self, ids, at, first, targets):
        return F.cross_entropy(F.linear(self.run(ids, at, False)[first:first + targets.shape[0]], self.embed).float(), targets)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--seconds", type=float, default=150)
    p.add_argument("--small", action="store_true")
    p.add_argument("--device", default="cuda")
    a = p.parse_args()
    if a.device == "cuda" and not torch.cuda.is_available():
        print("PyTorch is not compared: it sees no graphics processor")
        return 0
    on, began = torch.device(a.device), time.monotonic()
    wait = torch.cuda.synchronize if a.device == "cuda" else lambda: None
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name() if a.device == 'cuda' else 'CPU'}")

    def timed(name, fn, rounds, tokens=0):
        """The best of `rounds`, after two to warm up (and to compile)."""
        if time.monotonic() - began > a.seconds:
            print(f"{name:56} left out: no time")
            return
        try:
            best = 1e9
            for i in range(rounds + 2):
                wait()
                start = time.perf_counter()
                fn()
                wait()
                if i >= 2:
                    best = min(best, time.perf_counter() - start)
            print(f"{name:56} {1e3 * best:10.3f} ms" + (f"   {tokens / best:.1f} tokens/s" if tokens else ""), flush=True)
        except Exception as e:  # one row that fails must not end the comparison
            print(f"{name:56} FAILED: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}", flush=True)

    import bench_pytorch as cpu

    config = dict(depth=50, input_size=64 if a.small else 1024, hidden=256, heads=4, enc_layers=4, dec_layers=4, ffn=1024, n_objects=36)
    size = config["input_size"]
    with torch.device(on), torch.inference_mode():
        weights = {k: v.to(on) for k, v in cpu_weights(cpu, config).items()}
        image = ((torch.arange(size * size) % 251) / 250).reshape(1, 1, size, size).contiguous(memory_format=torch.channels_last)
        for kind, dtype in (("float32 (TF32)", torch.float32), ("bf16", BF16)):
            net = cpu.Apm(config, {k: v.to(dtype) for k, v in weights.items()})
            code = net.position(size // 32).to(dtype)
            net.position = lambda side, code=code: code
            x = image.to(dtype)
            timed(f"APM ResNet-50 at {size}, {kind}, eager", lambda: net(x), 20)
            timed(f"APM ResNet-50 at {size}, {kind}, compiled", compiled(a, lambda x=x, net=net: net(x)), 20)
        del net, weights

    shape = dict(layers=2, width=64, heads=2, kv_heads=1, hd=32, ffn=128, vocab=500, places=40) if a.small else dict(
        layers=34, width=2560, heads=8, kv_heads=4, hd=256, ffn=10240, vocab=262208, places=2920)
    prompt = 30 if a.small else 2800
    ids = torch.arange(prompt, device=on) * 7919 % shape["vocab"]
    at = torch.arange(prompt, device=on)
    with torch.no_grad():
        lm = Gemma(on, **shape)
        one, last = ids[:1], at[-1:].clone()
        timed(f"prefill of {prompt}, bf16, eager", lambda: lm.prefill(ids, at), 3, prompt)
        timed(f"decode, bf16, at {prompt}, eager", lambda: lm.step(one, last), 5, 1)
        timed(f"decode, bf16, at {prompt}, compiled", compiled(a, lambda: lm.step(one, last)), 20, 1)
        del lm
    lm = Gemma(on, rank=16, **shape)
    optimizer = torch.optim.AdamW(lm.lora, lr=1e-5, fused=a.device == "cuda")
    targets = ids[-(prompt // 12):]
    first = prompt - targets.shape[0]

    def train():
        optimizer.zero_grad(set_to_none=True)
        lm.loss(ids, at, first, targets).backward()
        torch.nn.utils.clip_grad_norm_(lm.lora, 1.0)
        optimizer.step()

    timed(f"LoRA step of {prompt} tokens, rank 16, eager", train, 3)
    return 0


def compiled(a, fn):
    return torch.compile(fn, mode="reduce-overhead" if a.device == "cuda" else "default", dynamic=False)


def cpu_weights(cpu, config):
    """bench_pytorch.py draws its weights on the processor."""
    with torch.device("cpu"):
        return cpu.random_weights(config)


if __name__ == "__main__":
    sys.exit(main())
