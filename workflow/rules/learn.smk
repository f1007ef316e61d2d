# Networks and their predictions of the test configurations.


rule accept:
    input:
        targets=lambda wildcards: targets_of(wildcards.point, STUDY.configurations.learnt_from),
    output:
        accepted=f"{RESULTS}/{{point}}/accepted.json",
    log:
        f"{RESULTS}/logs/accept/{{point}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["accept"],
        options=lambda wildcards: options(temperature=point_of(wildcards).temperature, limits=STUDY.limits),
    shell:
        "python -m glassbotan accept {params.options} --output {output.accepted} {input.targets} > {log} 2>&1"


rule import_weights:
    input:
        weights=published_weights,
    output:
        network=f"{RESULTS}/published/seed{{seed}}/model.pt",
    log:
        f"{RESULTS}/logs/import_weights/seed{{seed}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["train"],
        options=lambda wildcards: options(
            temperature=STUDY.pretraining.temperature,
            time=STUDY.pretraining.time,
            seed=int(wildcards.seed),
            learnt_from=STUDY.pretraining.weights_learnt_from,
        ),
    shell:
        "python -m glassbotan import weights {params.options} --output {output.network} {input.weights} > {log} 2>&1"


rule train:
    input:
        # Its date does not count: other limits are no reason to train again.
        accepted=ancient(rules.accept.output.accepted),
        targets=learnt_from,
        initial=initial_of,
    output:
        network=f"{RESULTS}/{{point}}/t{{time}}/{{model}}/seed{{seed}}/model.pt",
        history=f"{RESULTS}/{{point}}/t{{time}}/{{model}}/seed{{seed}}/history.csv",
        record=f"{RESULTS}/{{point}}/t{{time}}/{{model}}/seed{{seed}}/history.provenance.json",
    log:
        f"{RESULTS}/logs/train/{{point}}-t{{time}}-{{model}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{point}}-t{{time}}-{{model}}-seed{{seed}}.tsv"
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=16000,
        gpu=TRAINING_GPUS,
        runtime="1d",
    params:
        version=STAGE_VERSIONS["train"],
        options=train_options,
    shell:
        "python -m glassbotan train {params.options} --output {output.network} {input.targets} > {log} 2>&1"


rule predict:
    input:
        network=rules.train.output.network,
        targets=lambda wildcards: targets_of(wildcards.point, STUDY.configurations.test),
    output:
        predictions=f"{RESULTS}/{{point}}/t{{time}}/{{model}}/seed{{seed}}/predictions.npz",
    log:
        f"{RESULTS}/logs/predict/{{point}}-t{{time}}-{{model}}-seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict/{{point}}-t{{time}}-{{model}}-seed{{seed}}.tsv"
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["predict"],
        options=lambda wildcards: predict_options(wildcards, wildcards.point, wildcards.time),
    shell:
        "python -m glassbotan predict-test {params.options} --network-file {input.network} --output {output.predictions} {input.targets} > {log} 2>&1"


rule transfer:
    input:
        network=rules.train.output.network,
        targets=lambda wildcards: targets_of(wildcards.other, STUDY.configurations.test),
    output:
        predictions=f"{RESULTS}/{{point}}/t{{time}}/{{model}}/seed{{seed}}/on-{{other}}-t{{other_time}}.npz",
    log:
        f"{RESULTS}/logs/transfer/{{point}}-t{{time}}-{{model}}-seed{{seed}}-on-{{other}}-t{{other_time}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["predict"],
        options=lambda wildcards: predict_options(wildcards, wildcards.other, wildcards.other_time, transferred=True),
    shell:
        "python -m glassbotan predict-test {params.options} --network-file {input.network} --output {output.predictions} {input.targets} > {log} 2>&1"
