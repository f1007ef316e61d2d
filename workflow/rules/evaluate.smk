# How well the structure predicted the dynamics.


rule score:
    input:
        predictions=[f"{RESULTS}/{run.folder}/predictions.npz" for run in STUDY.training_runs()],
    output:
        table=report(
            f"{RESULTS}/tables/pearson.csv",
            caption="../report/pearson_table.rst",
            category="Tables",
        ),
        readable=f"{RESULTS}/tables/pearson.txt",
    log:
        f"{RESULTS}/logs/score.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["score"],
        options=options(scores=STUDY.scores),
    shell:
        "python -m glassbotan score {params.options} --output {output.table} {input.predictions} > {log} 2>&1"


rule learning_curve:
    input:
        predictions=learning_curve_predictions,
    output:
        table=f"{RESULTS}/tables/learning_curve.csv",
        readable=f"{RESULTS}/tables/learning_curve.txt",
    log:
        f"{RESULTS}/logs/learning_curve.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["score"],
        options=options(scores=STUDY.scores),
    shell:
        "python -m glassbotan score {params.options} --output {output.table} {input.predictions} > {log} 2>&1"
