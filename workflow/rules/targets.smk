# Properties of the liquid, computed from the targets files: quality of the simulations and relaxation time.


rule simulation_quality:
    input:
        targets=lambda wildcards: [
            path
            for point in study_of(wildcards).temperatures
            for path in of_study(wildcards, layout.targets(point.label, study_of(wildcards).configurations.all))
        ],
    output:
        table=f"{RESULTS}/{layout.QUALITY}",
        checks=f"{RESULTS}/{layout.CHECKS}",
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
        options=lambda wildcards: options(wildcards, limits=study_of(wildcards).limits),
    shell:
        "python -m glassbotan simulation-quality {params.options} --output {output.table} {input.targets} > {log} 2>&1"


rule relaxation:
    input:
        targets=lambda wildcards: of_study(
            wildcards, layout.targets(wildcards.point, study_of(wildcards).configurations.all)
        ),
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
        options=lambda wildcards: options(wildcards, temperature=point_of(wildcards).temperature),
    shell:
        "python -m glassbotan relaxation {params.options} --output {output.table} {input.targets} > {log} 2>&1"
