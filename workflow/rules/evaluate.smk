# Tables and figures of the scores, and the report, a page that shows them all.


rule score:
    input:
        # The fits to half samples say how much the scores of the study's own fits depend on the training configurations.
        half_samples=half_samples_of,
        predictions=lambda wildcards: of_study(
            wildcards, or_workflow_error(layout.compared, study_of(wildcards), wildcards.comparison).predictions
        ),
    output:
        table=f"{RESULTS}/{layout.scores('{comparison}')}",
        summary=f"{RESULTS}/{layout.summary('{comparison}')}",
        differences=f"{RESULTS}/{layout.differences('{comparison}')}",
        of_configurations=f"{RESULTS}/{layout.of_configurations('{comparison}')}",
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
        predictions=lambda wildcards: of_study(wildcards, layout.compared(study_of(wildcards), "pearson").predictions),
    output:
        table=f"{RESULTS}/{layout.HETEROGENEITY}",
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
        options=lambda wildcards: options(wildcards, scores=study_of(wildcards).scores),
    shell:
        "python -m glassbotan heterogeneity {params.options} --output {output.table} {input.predictions} > {log} 2>&1"


rule variants:
    input:
        lambda wildcards: [
            f"{folder}/{path}"
            for folder, study in variants_of_study(wildcards).items()
            for path in layout.compared_between_variants(study)
        ],
    output:
        table=f"{RESULTS}/{layout.VARIANTS}",
        readable=f"{RESULTS}/{layout.VARIANTS.replace('.csv', '.txt')}",
    log:
        f"{RESULTS}/logs/variants.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=1000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["variants"],
        options=lambda wildcards: options(wildcards, scores=study_of(wildcards).scores),
        folders=lambda wildcards: list(variants_of_study(wildcards)),
    shell:
        "python -m glassbotan variants {params.options} --output {output.table} {params.folders} > {log} 2>&1"


rule cost_table:
    input:
        # When this table exists, all simulations, fits and predictions that the study always makes have run. Their
        # benchmark files are not inputs, because then every run would make the table of costs again.
        table=f"{RESULTS}/{layout.SCORES}",
    output:
        table=f"{RESULTS}/{layout.COST}",
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
        options=lambda wildcards: options(wildcards, folder=of_study(wildcards, "benchmarks")),
    shell:
        "python -m glassbotan cost-table {params.options} --output {output.table} > {log} 2>&1"


rule draw:
    input:
        unpack(
            lambda wildcards: {
                role: of_study(wildcards, files) for role, files in figure_inputs(wildcards).files.items()
            }
        ),
    output:
        png=f"{RESULTS}/{layout.figure('{figure}')}",
        svg=f"{RESULTS}/{layout.figure('{figure}').replace('.png', '.svg')}",
        csv=f"{RESULTS}/{layout.figure('{figure}').replace('.png', '.csv')}",
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
        options=lambda wildcards: options(
            wildcards, figure=wildcards.figure, settings=figure_inputs(wildcards).settings
        ),
        files=lambda wildcards: [
            f"{role}={path}"
            for role, files in figure_inputs(wildcards).files.items()
            for path in of_study(wildcards, files)
        ],
    shell:
        "python -m glassbotan draw {params.options} --output {output.png} {params.files} > {log} 2>&1"


rule resolved_study:
    output:
        study=f"{RESULTS}/study.yaml",
    log:
        f"{RESULTS}/logs/resolved_study.log",
    params:
        study=lambda wildcards: resolved(study_of(wildcards)),
    run:
        Path(output.study).write_text(params.study, encoding="utf-8")


rule report:
    input:
        study=rules.resolved_study.output.study,
        tables=lambda wildcards: of_study(wildcards, layout.in_report(study_of(wildcards))),
        figures=lambda wildcards: of_study(wildcards, map(layout.figure, drawn_in(study_of(wildcards)))),
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
        options=report_options,
    shell:
        "python -m glassbotan report {params.options} --settings {input.study} --output {output.page} {input.figures} > {log} 2>&1"
