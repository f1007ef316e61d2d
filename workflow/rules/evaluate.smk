# How well the structure predicted the dynamics.


rule score:
    input:
        predictions=predictions(OWN),
    output:
        table=f"{RESULTS}/tables/pearson.csv",
        readable=f"{RESULTS}/tables/pearson.txt",
        markdown=f"{RESULTS}/tables/pearson.md",
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
        options=options(scores=STUDY.scores, published=COMPARABLE),
    shell:
        "python -m glassbotan score {params.options} --output {output.table} {input.predictions} > {log} 2>&1"


rule score_variation:
    input:
        predictions=varied_predictions,
    output:
        table=f"{RESULTS}/tables/{{variation}}.csv",
        readable=f"{RESULTS}/tables/{{variation}}.txt",
        markdown=f"{RESULTS}/tables/{{variation}}.md",
    log:
        f"{RESULTS}/logs/score_{{variation}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["score"],
        options=options(scores=STUDY.scores, published=COMPARABLE),
    shell:
        "python -m glassbotan score {params.options} --output {output.table} {input.predictions} > {log} 2>&1"


rule score_transfer:
    input:
        predictions=transferred_predictions,
    output:
        table=f"{RESULTS}/tables/transfer.csv",
        readable=f"{RESULTS}/tables/transfer.txt",
        markdown=f"{RESULTS}/tables/transfer.md",
    log:
        f"{RESULTS}/logs/score_transfer.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["score"],
        options=options(scores=STUDY.scores, published=COMPARABLE),
    shell:
        "python -m glassbotan score {params.options} --output {output.table} {input.predictions} > {log} 2>&1"


rule heterogeneity:
    input:
        predictions=predictions(OWN),
    output:
        table=f"{RESULTS}/tables/heterogeneity.csv",
    log:
        f"{RESULTS}/logs/heterogeneity.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["heterogeneity"],
        options=options(),
    shell:
        "python -m glassbotan heterogeneity {params.options} --output {output.table} {input.predictions} > {log} 2>&1"


rule cost_table:
    input:
        # Its jobs, and with them all others, have run; how long they took is no input, or each run would plan this again.
        table=rules.score.output.table,
    output:
        table=f"{RESULTS}/tables/cost.csv",
    log:
        f"{RESULTS}/logs/cost_table.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=1000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["cost"],
        options=options(folder=f"{RESULTS}/benchmarks"),
    shell:
        "python -m glassbotan cost-table {params.options} --output {output.table} > {log} 2>&1"
