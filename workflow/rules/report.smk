# Figures, each as PNG to look at, SVG for a paper and CSV with its numbers; and the page that shows them all.


rule draw_quality:
    input:
        table=rules.simulation_quality.output.table,
    output:
        **figure("simulation_quality"),
    log:
        f"{RESULTS}/logs/draw_quality.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(limits=STUDY.limits),
    shell:
        "python -m glassbotan draw-quality {params.options} --output {output.png} --input {input.table} > {log} 2>&1"


rule draw_relaxation:
    input:
        tables=[f"{RESULTS}/{point.label}/relaxation.csv" for point in STUDY.temperatures],
        fits=[f"{RESULTS}/{point.label}/relaxation.json" for point in STUDY.temperatures],
    output:
        **figure("fig02_relaxation"),
    log:
        f"{RESULTS}/logs/draw_relaxation.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(),
    shell:
        "python -m glassbotan draw-relaxation {params.options} --output {output.png} {input.tables} > {log} 2>&1"


rule draw_pretraining:
    input:
        histories=pretraining_histories("history.csv"),
        records=pretraining_histories("history.provenance.json"),
    output:
        **figure("fig03_pretraining_loss"),
    log:
        f"{RESULTS}/logs/draw_pretraining.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(),
    shell:
        "python -m glassbotan draw-losses {params.options} --output {output.png} {input.histories} > {log} 2>&1"


rule draw_losses:
    input:
        histories=[f"{RESULTS}/{run.folder}/history.csv" for run in NETWORKS],
        records=[f"{RESULTS}/{run.folder}/history.provenance.json" for run in NETWORKS],
    output:
        **figure("losses"),
    log:
        f"{RESULTS}/logs/draw_losses.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(),
    shell:
        "python -m glassbotan draw-losses {params.options} --output {output.png} {input.histories} > {log} 2>&1"


rule draw_pair_maps:
    input:
        predictions=pair_maps,
    output:
        **figure("fig04_pair_maps_{point}"),
    log:
        f"{RESULTS}/logs/draw_pair_maps/{{point}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(scores=STUDY.scores, quantities="pair_distance_change"),
    shell:
        "python -m glassbotan draw-map {params.options} --output {output.png} {input.predictions} > {log} 2>&1"


rule draw_pair_pearson:
    input:
        table=rules.score.output.table,
    output:
        **figure("fig05_pair_pearson"),
    log:
        f"{RESULTS}/logs/draw_pair_pearson.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(targets="E"),
    shell:
        "python -m glassbotan draw-pearson {params.options} --output {output.png} --input {input.table} > {log} 2>&1"


rule draw_joint_distribution:
    input:
        targets=lambda wildcards: targets_of(wildcards.point, STUDY.configurations.test),
    output:
        **figure("fig06_joint_distribution_{point}"),
    log:
        f"{RESULTS}/logs/draw_joint_distribution/{{point}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=lambda wildcards: options(
            scores=STUDY.scores,
            temperature=point_of(wildcards).temperature,
            time_indices=drawn_times(point_of(wildcards)),
        ),
    shell:
        "python -m glassbotan draw-joint-distribution {params.options} --output {output.png} {input.targets} > {log} 2>&1"


rule draw_propensity_maps:
    input:
        predictions=propensity_maps,
        targets=lambda wildcards: targets_of(wildcards.point, STUDY.configurations.test[:1]),
    output:
        **figure("fig07_propensity_maps_{point}"),
    log:
        f"{RESULTS}/logs/draw_propensity_maps/{{point}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(),
    shell:
        "python -m glassbotan draw-propensity-maps {params.options} --output {output.png} --targets {input.targets} {input.predictions} > {log} 2>&1"


rule draw_propensity_pearson:
    input:
        table=rules.score.output.table,
    output:
        **figure("fig08_propensity_pearson"),
    log:
        f"{RESULTS}/logs/draw_propensity_pearson.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(targets=("S", "R", "C", "D"), published=COMPARABLE),
    shell:
        "python -m glassbotan draw-pearson {params.options} --output {output.png} --input {input.table} > {log} 2>&1"


rule draw_rounds:
    input:
        table=f"{RESULTS}/tables/rounds.csv",
    output:
        **figure("fig09_rounds"),
    log:
        f"{RESULTS}/logs/draw_rounds.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(varied="rounds"),
    shell:
        "python -m glassbotan draw-against {params.options} --output {output.png} --input {input.table} > {log} 2>&1"


rule draw_loss_weight:
    input:
        table=f"{RESULTS}/tables/loss_weight.csv",
    output:
        **figure("fig10_loss_weight"),
    log:
        f"{RESULTS}/logs/draw_loss_weight.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(varied="p"),
    shell:
        "python -m glassbotan draw-against {params.options} --output {output.png} --input {input.table} > {log} 2>&1"


rule draw_learning_curve:
    input:
        table=f"{RESULTS}/tables/learning_curve.csv",
    output:
        **figure("learning_curve"),
    log:
        f"{RESULTS}/logs/draw_learning_curve.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(varied=("train_configurations", "replicas")),
    shell:
        "python -m glassbotan draw-against {params.options} --output {output.png} --input {input.table} > {log} 2>&1"


rule draw_transfer:
    input:
        table=rules.score_transfer.output.table,
    output:
        **figure("transfer"),
    log:
        f"{RESULTS}/logs/draw_transfer.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(),
    shell:
        "python -m glassbotan draw-transfer {params.options} --output {output.png} --input {input.table} > {log} 2>&1"


rule draw_heterogeneity:
    input:
        table=rules.heterogeneity.output.table,
        predictions=correlations,
    output:
        **figure("heterogeneity_{point}"),
    log:
        f"{RESULTS}/logs/draw_heterogeneity/{{point}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(),
    shell:
        "python -m glassbotan draw-heterogeneity {params.options} --output {output.png} --table {input.table} {input.predictions} > {log} 2>&1"


rule draw_map:
    input:
        predictions=rules.predict.output.predictions,
    output:
        **figure("map_{point}_t{time}_{model}_seed{seed}"),
    log:
        f"{RESULTS}/logs/draw_map/{{point}}-t{{time}}-{{model}}-seed{{seed}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=4000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=options(scores=STUDY.scores),
    shell:
        "python -m glassbotan draw-map {params.options} --output {output.png} {input.predictions} > {log} 2>&1"


rule report:
    input:
        tables=[rules.score.output.table, rules.heterogeneity.output.table, rules.cost_table.output.table],
        quality=rules.simulation_quality.output.table,
        figures=figures(),
        fits=[f"{RESULTS}/{point.label}/relaxation.json" for point in STUDY.temperatures if SIMULATED],
    output:
        page=f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["report"],
        # A function, since the patterns of published files have braces that are no wildcards.
        options=lambda wildcards: options(settings=STUDY, tables=f"{RESULTS}/tables", asked=asked_figures()),
    shell:
        "python -m glassbotan report {params.options} --output {output.page} {input.figures} {input.fits} > {log} 2>&1"
