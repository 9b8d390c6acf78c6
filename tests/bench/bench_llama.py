#!/usr/bin/env python3
"""Our language model against llama.cpp on this CPU: the same GGUF file, the same number of threads, in turn.

Development only: needs llama-bench of a natively built llama.cpp (cmake -DGGML_NATIVE=ON, any recent version). Usage:

    tests/bench/bench_llama.py BUILD/app/anatomixctl LLAMA_BENCH MODEL.gguf [--threads N] [--rounds N] [--isa avx2] [--wait SECONDS]

--isa limits ours to an older processor's instructions (ANATOMIX_ISA); compare it with a llama.cpp built for the same ones (-DGGML_NATIVE=OFF -DGGML_AVX2=ON
-DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON). On a machine that others use too, run it under `chrt -r 10` with --wait, which leaves them the time between
two programs: llama.cpp's threads wait for each other in loops and fall to a tenth of their speed when one of them is kept from its core.

Each round runs ours, then llama.cpp's, and the order of the two changes from round to round. Prints for each figure the medians of tokens a second, their
ratio (above 1: ours is faster) and the range of the ratios of the rounds. Both read 512 and 1,500 tokens, and make 128 at depth 0 and at 1,500; ours
also chooses each token it makes, llama-bench only computes the logits. A warm-up of each is part of both programs.
"""
import argparse, json, os, statistics, subprocess, sys, time

FIGURES = ["prefill 512", "prefill 1500", "decode 128", "decode 128 at 1500"]


def ours(program, model, threads, isa):
    environment = dict(os.environ, ANATOMIX_ISA=isa) if isa else None
    out = subprocess.run([program, "--json", "--threads", str(threads), "bench", "lm", "--runs", "2", model], check=True, capture_output=True, text=True, env=environment).stdout
    result = json.loads(out)
    speed = {}
    for row in result["rows"]:
        if row["what"] == "prefill":
            speed[f"prefill {row['tokens']}"] = row["tokens_per_second"]
        else:
            speed["decode 128 at 1500" if row["depth"] >= 1500 else "decode 128"] = row["tokens_per_second"]
    return speed, result


def llama(program, model, threads):
    speed = {}
    for arguments in (["-p", "512,1500", "-n", "128"], ["-p", "0", "-n", "128", "-d", "1500"]):
        out = subprocess.run([program, "-m", model, "-t", str(threads), "-r", "2", "-o", "json"] + arguments, check=True, capture_output=True, text=True).stdout
        for row in json.loads(out):
            name = f"prefill {row['n_prompt']}" if row["n_prompt"] else "decode 128 at 1500" if row["n_depth"] else "decode 128"
            speed[name] = max(row["samples_ts"])  # the better of two runs, as ours
            build = f"{row['build_number']} ({row['build_commit']})"
    return speed, build


def processor():
    with open("/proc/cpuinfo") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return f"{names[0]}, {len(names)} processors" if names else "unknown processor"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("anatomixctl")
    p.add_argument("llama_bench")
    p.add_argument("model")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--isa", choices=["scalar", "avx2", "avx512"])
    p.add_argument("--wait", type=float, default=0, help="seconds between two programs")
    a = p.parse_args()
    rounds = []
    for i in range(a.rounds):
        pair = {}
        for who in ("ours", "llama") if i % 2 == 0 else ("llama", "ours"):
            pair[who], about = ours(a.anatomixctl, a.model, a.threads, a.isa) if who == "ours" else llama(a.llama_bench, a.model, a.threads)
            time.sleep(a.wait)
            if i == 0:
                if who == "ours":
                    print(f"{processor()}; {a.threads} threads; {about['isa']}; multiply-adds {about['peak_gflops']} GFLOP/s, copy {about['peak_gbs']} GB/s")
                else:
                    print(f"llama.cpp build {about}; {os.path.basename(a.model)}; load average {os.getloadavg()[0]:.1f}")
        rounds.append(pair)
        print(f"round {i + 1}: " + "; ".join(f"{f} {pair['ours'][f]:.0f} / {pair['llama'][f]:.0f}" for f in FIGURES), file=sys.stderr)
    print(f"{'tokens/s, medians of ' + str(a.rounds):24} {'ours':>9} {'llama.cpp':>9} {'ratio':>6}   of each round")
    for f in FIGURES:
        mine, theirs = ([r[who][f] for r in rounds] for who in ("ours", "llama"))
        ratios = [x / y for x, y in zip(mine, theirs)]
        print(f"{f:24} {statistics.median(mine):9.1f} {statistics.median(theirs):9.1f} {statistics.median(mine) / statistics.median(theirs):6.2f}   {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
