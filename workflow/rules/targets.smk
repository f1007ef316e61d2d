# Properties of the liquid, computed from the targets files: quality of the simulations and relaxation time.


rule simulation_quality:
    input:
        targets=[
            path
            for point in STUDY.temperatures
            for path in of_study(layout.targets(point.label, STUDY.configurations.all))
        ],
    output:
        table=of_study(layout.QUALITY),
    log:
        f"{RESULTS}/logs/simulation_quality.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="1h",
    params:
        version=STAGE_VERSIONS["quality"],
        options=options(limits=STUDY.limits),
    shell:
        "python -m glassbotan simulation-quality {params.options} --output {output.table} {input.targets} > {log} 2>&1"


rule relaxation:
    input:
        targets=lambda wildcards: of_study(layout.targets(wildcards.point, STUDY.configurations.all)),
    output:
        table=f"{RESULTS}/{{point}}/relaxation.csv",
        fit=f"{RESULTS}/{{point}}/relaxation.json",
    log:
        f"{RESULTS}/logs/relaxation/{{point}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["relaxation"],
        options=lambda wildcards: options(temperature=point_of(wildcards).temperature),
    shell:
        "python -m glassbotan relaxation {params.options} --output {output.table} {input.targets} > {log} 2>&1"
