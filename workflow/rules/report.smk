# Figures; each is a PNG for the report and an SVG for a paper.


rule draw_quality:
    input:
        table=rules.simulation_quality.output.table,
    output:
        **figure("simulation_quality", "quality", "The liquid"),
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
        **figure("relaxation", "relaxation", "The liquid"),
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


rule draw_pearson:
    input:
        table=rules.score.output.table,
    output:
        **figure("pearson", "pearson", "Scores"),
    log:
        f"{RESULTS}/logs/draw_pearson.log",
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
        "python -m glassbotan draw-pearson {params.options} --output {output.png} --input {input.table} > {log} 2>&1"


rule draw_losses:
    input:
        histories=[f"{RESULTS}/{run.folder}/history.csv" for run in NETWORKS],
        records=[f"{RESULTS}/{run.folder}/history.provenance.json" for run in NETWORKS],
    output:
        **figure("losses", "losses", "Training"),
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


rule draw_map:
    input:
        predictions=rules.predict.output.predictions,
    output:
        **figure("map_{point}_t{time}_{model}_seed{seed}", "map", "Maps"),
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
        "python -m glassbotan draw-map {params.options} --input {input.predictions} --output {output.png} > {log} 2>&1"


rule draw_learning_curve:
    input:
        table=rules.learning_curve.output.table,
    output:
        **figure("learning_curve", "learning_curve", "Training"),
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
        options=options(),
    shell:
        "python -m glassbotan draw-learning-curve {params.options} --output {output.png} --input {input.table} > {log} 2>&1"
