# Tables and figures of the scores, and the report, a page that shows them all.


rule score:
    input:
        predictions=lambda wildcards: of_study(
            or_workflow_error(layout.compared, STUDY, wildcards.comparison).predictions
        ),
    output:
        table=f"{RESULTS}/tables/{{comparison}}.csv",
        readable=f"{RESULTS}/tables/{{comparison}}.txt",
        markdown=f"{RESULTS}/tables/{{comparison}}.md",
    log:
        f"{RESULTS}/logs/score/{{comparison}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["score"],
        options=score_options,
    shell:
        "python -m glassbotan score {params.options} --output {output.table} {input.predictions} > {log} 2>&1"


rule heterogeneity:
    input:
        predictions=of_study(layout.compared(STUDY, "pearson").predictions),
    output:
        table=of_study(layout.HETEROGENEITY),
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
        # When this table exists, all simulations, fits and predictions that the study always makes have run. Their
        # benchmark files are not inputs, because then every run would make the table of costs again.
        table=of_study(layout.SCORES),
    output:
        table=of_study(layout.COST),
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


rule draw:
    input:
        unpack(lambda wildcards: {role: of_study(files) for role, files in figure_inputs(wildcards).files.items()}),
    output:
        png=of_study(layout.figure("{figure}")),
        svg=of_study(layout.figure("{figure}").replace(".png", ".svg")),
        csv=of_study(layout.figure("{figure}").replace(".png", ".csv")),
    log:
        f"{RESULTS}/logs/draw/{{figure}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=8000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["draw"],
        options=lambda wildcards: options(figure=wildcards.figure, settings=figure_inputs(wildcards).settings),
        files=lambda wildcards: [
            f"{role}={path}" for role, files in figure_inputs(wildcards).files.items() for path in of_study(files)
        ],
    shell:
        "python -m glassbotan draw {params.options} --output {output.png} {params.files} > {log} 2>&1"


rule resolved_study:
    output:
        study=of_study("study.yaml"),
    log:
        f"{RESULTS}/logs/resolved_study.log",
    params:
        study=lambda _: resolved(STUDY),
    run:
        Path(output.study).write_text(params.study, encoding="utf-8")


rule report:
    input:
        study=rules.resolved_study.output.study,
        tables=of_study([layout.SCORES, layout.HETEROGENEITY, layout.COST, layout.QUALITY]),
        figures=of_study(map(layout.figure, drawn_in(STUDY))),
        fits=of_study(
            layout.relaxation(point).replace(".csv", ".json") for point in STUDY.temperatures if STUDY.simulates
        ),
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
        options=options(
            tables=f"{RESULTS}/tables",
            # The report shows the figures on request that exist. They are not inputs, because then a changed setting
            # would make all their models be fitted again.
            on_request=tuple(
                path for path in of_study(map(layout.figure, drawn_in(STUDY, on_request=True))) if Path(path).exists()
            ),
        ),
    shell:
        "python -m glassbotan report {params.options} --settings {input.study} --output {output.page} {input.figures} {input.fits} > {log} 2>&1"
