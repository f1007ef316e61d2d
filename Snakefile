# From the melt of a Kob-Andersen liquid to a Pearson table.
from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/simulate.smk" if SIMULATED else "workflow/rules/published.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/learn.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


wildcard_constraints:
    point=r"T\d+\.\d\d",
    batch=r"\d\d\d+",
    configuration=r"\d\d\d\d+",
    time=r"\d\d+",
    model=r"[A-Za-z][A-Za-z0-9-]*",
    seed=r"\d+(-(n|r|rounds|p)[\d.]+)?",
    other=r"T\d+\.\d\d",
    other_time=r"\d\d+",
    variation="learning_curve|rounds|loss_weight",
    targets=r"targets(-r\d+)?",


localrules:
    all,


rule all:
    default_target: True
    input:
        rules.score.output,
        figures(),
        rules.report.output,


onsuccess:
    show_table(rules.score.output.readable)
