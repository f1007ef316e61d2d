# Published trajectories instead of our own simulations.


rule import_trajectories:
    input:
        files=published_files,
    output:
        targets=f"{RESULTS}/{{point}}/{{targets}}/c{{configuration}}.npz",
    log:
        f"{RESULTS}/logs/{{targets}}/{{point}}-c{{configuration}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["targets"],
        format=format_of,
        options=lambda wildcards: options(
            wildcards,
            temperature=point_of(wildcards).temperature,
            configuration=int(wildcards.configuration),
            times=point_of(wildcards).sampling_times,
            liquid=study_of(wildcards).liquid,
            targets=targets_settings(wildcards),
        ),
    shell:
        "python -m glassbotan import {params.format} {params.options} --output {output.targets} {input.files} > {log} 2>&1"
