# Published weights, from which models start instead of from a pretrained network of the study.


rule import_weights:
    input:
        weights=published_weights,
    output:
        predictor=f"{RESULTS}/published/{{model}}/seed{{seed}}/{layout.FITTED}",
    log:
        f"{RESULTS}/logs/import_weights/{{model}}-seed{{seed}}.log",
    conda:
        LEARN
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        version=STAGE_VERSIONS["fit"],
        options=weights_options,
    shell:
        "python -m glassbotan import weights {params.options} --output {output.predictor} {input.weights} > {log} 2>&1"
