#!/usr/bin/env python3
"""Our Anatomy Perception Module against PyTorch eager, on this CPU, with the same weights and threads, in turn.

Development only: needs PyTorch (pip install torch). Usage:

    tests/bench/bench_pytorch.py BUILD/app/anatomixctl [MODEL_FOLDER] [--threads N] [--runs N] [--published]

Runs the two one after the other, several rounds, and prints the medians and their ratio (above 1: ours is faster). The model below follows
spec section 2 with the weights of the same folder (or, with --published, random ones on both sides), so a ratio compares equal work.
"""
import argparse, json, math, statistics, struct, subprocess, sys, time
import torch
from torch import nn
import torch.nn.functional as F


def read_safetensors(path):
    data = open(path, "rb").read()
    (n,) = struct.unpack("<Q", data[:8])
    head = json.loads(data[8:8 + n])
    types = {"F32": torch.float32, "F16": torch.float16, "I8": torch.int8}
    out = {}
    for name, t in head.items():
        if name != "__metadata__":
            a, b = t["data_offsets"]
            out[name] = torch.frombuffer(bytearray(data[8 + n + a:8 + n + b]), dtype=types[t["dtype"]]).reshape(t["shape"])
    full = {}
    for name, t in out.items():
        if name.endswith(".scale") and out.get(name[:-6]) is not None:
            continue
        x = t.float()
        if t.dtype == torch.int8:
            x = x * out[name + ".scale"].reshape(-1, *[1] * (x.dim() - 1))
        full[name] = x
    return full


class Apm:
    """Spec section 2, eval mode, one grey image. Batch normalisation is folded into the convolutions, as ours does."""

    def __init__(self, config, weights):
        self.c, self.w, self.folded = config, {k.removeprefix("vis_model."): v for k, v in weights.items()}, {}

    def conv(self, x, conv, bn, stride, pad, relu=False, residual=None):
        if conv not in self.folded:
            g = lambda k: self.w["backbone.0.body." + k]
            scale = g(bn + ".weight") * torch.rsqrt(g(bn + ".running_var") + 1e-5)
            self.folded[conv] = ((g(conv + ".weight") * scale.reshape(-1, 1, 1, 1)).contiguous(memory_format=torch.channels_last),
                                 g(bn + ".bias") - g(bn + ".running_mean") * scale)
        w, b = self.folded[conv]
        y = F.conv2d(x, w, b, stride, pad)
        if residual is not None:
            y = y + residual
        return F.relu_(y) if relu else y

    def backbone(self, x):
        bottleneck = self.c["depth"] == 50
        x = F.max_pool2d(self.conv(x, "conv1", "bn1", 2, 3, True), 3, 2, 1)
        for layer, blocks in enumerate({18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}[self.c["depth"]], 1):
            for i in range(blocks):
                p, s = f"layer{layer}.{i}", 2 if i == 0 and layer > 1 else 1
                skip = self.conv(x, p + ".downsample.0", p + ".downsample.1", s, 0) if f"backbone.0.body.{p}.downsample.0.weight" in self.w else x
                if bottleneck:
                    y = self.conv(x, p + ".conv1", p + ".bn1", 1, 0, True)
                    y = self.conv(y, p + ".conv2", p + ".bn2", s, 1, True)
                    x = self.conv(y, p + ".conv3", p + ".bn3", 1, 0, True, skip)
                else:
                    y = self.conv(x, p + ".conv1", p + ".bn1", s, 1, True)
                    x = self.conv(y, p + ".conv2", p + ".bn2", 1, 1, True, skip)
        return x

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"], 1e-5)

    def mha(self, name, heads, q, k, v):
        d = q.shape[-1]
        w, b = self.w[name + ".in_proj_weight"].split(d), self.w[name + ".in_proj_bias"].split(d)
        split = lambda x, i: F.linear(x, w[i], b[i]).reshape(-1, heads, d // heads).transpose(0, 1)
        y = F.scaled_dot_product_attention(split(q, 0), split(k, 1), split(v, 2))
        return self.linear(y.transpose(0, 1).reshape(-1, d), name + ".out_proj")

    def ffn(self, x, p):
        return self.linear(F.relu(self.linear(x, p + ".linear1")), p + ".linear2")

    def position(self, side):
        half = self.c["hidden"] // 2
        t = 10000 ** (2 * (torch.arange(half) // 2) / half)
        c = torch.arange(1, side + 1) / (side + 1e-6) * 2 * math.pi
        code = c[:, None] / t
        code = torch.where(torch.arange(half) % 2 == 0, code.sin(), code.cos())
        return torch.cat([code[:, None, :].expand(side, side, half), code[None].expand(side, side, half)], -1).reshape(side * side, -1)

    def __call__(self, image):
        c, w = self.c, self.w
        x = self.backbone(image)
        x = F.conv2d(x, w["input_proj.weight"], w["input_proj.bias"])
        side = x.shape[-1]
        x = torch.cat([w["transformer.cls_token"].reshape(1, -1), x[0].flatten(1).t()])
        pos = self.position(side)
        full = torch.cat([w["transformer.cls_pos"].reshape(1, -1), pos])
        for i in range(c["enc_layers"]):
            p = f"transformer.encoder.layers.{i}"
            x = self.norm(x + self.mha(p + ".self_attn", c["heads"], x + full, x + full, x), p + ".norm1")
            x = self.norm(x + self.ffn(x, p), p + ".norm2")
        cls, memory = x[:1], x[1:]
        q, t = w["query_embed.weight"], torch.zeros(c["n_objects"], c["hidden"])
        for i in range(c["dec_layers"]):
            p = f"transformer.decoder.layers.{i}"
            t = self.norm(t + self.mha(p + ".self_attn", c["heads"], t + q, t + q, t), p + ".norm1")
            t = self.norm(t + self.mha(p + ".multihead_attn", c["heads"], t + q, memory + pos, memory), p + ".norm2")
            t = self.norm(t + self.ffn(t, p), p + ".norm3")
        hs = self.norm(t, "transformer.decoder.norm")
        b = F.relu(self.linear(F.relu(self.linear(hs, "bbox_embed.layers.0")), "bbox_embed.layers.1"))
        boxes = self.linear(b, "bbox_embed.layers.2").sigmoid()
        objects = self.linear(self.mha("anat_obj_embs.mha", 2, hs, memory, memory), "anat_obj_embs.linear")
        return boxes, objects, self.linear(cls, "image_class_embed")


def random_weights(c):
    """Shapes of the published model with small random values: only the time matters there."""
    w, g = {}, torch.Generator().manual_seed(1)
    def add(name, *shape):
        w["vis_model." + name] = torch.randn(*shape, generator=g) * (1 / math.sqrt(max(1, math.prod(shape[1:])))) if len(shape) > 1 else torch.ones(*shape)
    def conv(cn, bn, oc, ic, k):
        add("backbone.0.body." + cn + ".weight", oc, ic, k, k)
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            add(f"backbone.0.body.{bn}.{leaf}", oc)
    conv("conv1", "bn1", 64, 1, 7)
    ic = 64
    for layer, blocks in enumerate((3, 4, 6, 3), 1):
        p = 32 << layer
        for i in range(blocks):
            n = f"layer{layer}.{i}"
            conv(n + ".conv1", n + ".bn1", p, ic, 1), conv(n + ".conv2", n + ".bn2", p, p, 3), conv(n + ".conv3", n + ".bn3", 4 * p, p, 1)
            if i == 0:
                conv(n + ".downsample.0", n + ".downsample.1", 4 * p, ic, 1)
            ic = 4 * p
    d, f = c["hidden"], c["ffn"]
    def linear(n, o, i): add(n + ".weight", o, i), add(n + ".bias", o)
    def mha(n): add(n + ".in_proj_weight", 3 * d, d), add(n + ".in_proj_bias", 3 * d), linear(n + ".out_proj", d, d)
    add("input_proj.weight", d, ic, 1, 1), add("input_proj.bias", d), add("transformer.cls_token", 1, 1, d), add("transformer.cls_pos", 1, 1, d)
    for side, layers, norms in (("encoder", c["enc_layers"], 2), ("decoder", c["dec_layers"], 3)):
        for i in range(layers):
            p = f"transformer.{side}.layers.{i}"
            mha(p + ".self_attn")
            if side == "decoder":
                mha(p + ".multihead_attn")
            linear(p + ".linear1", f, d), linear(p + ".linear2", d, f)
            for k in range(1, norms + 1):
                add(f"{p}.norm{k}.weight", d), add(f"{p}.norm{k}.bias", d)
    add("transformer.decoder.norm.weight", d), add("transformer.decoder.norm.bias", d), add("query_embed.weight", c["n_objects"], d)
    linear("bbox_embed.layers.0", d, d), linear("bbox_embed.layers.1", d, d), linear("bbox_embed.layers.2", 4, d)
    mha("anat_obj_embs.mha"), linear("anat_obj_embs.linear", 16, d), linear("image_class_embed", 14, d)
    return w


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("anatomixctl")
    p.add_argument("model", nargs="?", default="data/models/anatomix-mini")
    p.add_argument("--threads", type=int, default=torch.get_num_threads())
    p.add_argument("--runs", type=int, default=20)
    p.add_argument("--rounds", type=int, default=4)
    p.add_argument("--published", action="store_true", help="ResNet-50 at 1024 x 1024 with random weights")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    if a.published:
        config = dict(depth=50, input_size=1024, hidden=256, heads=4, enc_layers=4, dec_layers=4, ffn=1024, n_objects=36)
        weights = random_weights(config)
    else:
        config = json.load(open(a.model + "/model.json"))["config"]["apm"]
        weights = read_safetensors(a.model + "/apm.safetensors")
    net, size = Apm(config, weights), config["input_size"]
    command = [a.anatomixctl, "--json", "--threads", str(a.threads), "--model", a.model, "bench", "model", "--runs", str(a.runs)]
    image = ((torch.arange(size * size) % 251) / 250).reshape(1, 1, size, size).contiguous(memory_format=torch.channels_last)
    ours, theirs = [], []
    with torch.inference_mode():
        net(image)
        for _ in range(a.rounds):
            ours.append(json.loads(subprocess.run(command + (["--published"] if a.published else []), capture_output=True, check=True).stdout)["ms_median"])
            times = []
            for _ in range(a.runs):
                t = time.perf_counter()
                net(image)
                times.append(1000 * (time.perf_counter() - t))
            theirs.append(statistics.median(times))
    print(f"ResNet-{config['depth']} at {size}, {a.threads} threads, {a.rounds} rounds of {a.runs}: ours {statistics.median(ours):.1f} ms, "
          f"PyTorch {torch.__version__} eager {statistics.median(theirs):.1f} ms, ratio {statistics.median(t / o for o, t in zip(ours, theirs)):.2f}x")


if __name__ == "__main__":
    sys.exit(main())
