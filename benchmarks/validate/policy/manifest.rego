# The manifest rules as a conftest policy, for the stack prod: what the owner's files make mandatory
# there is `deny`, what they make advisory is `warn`. Thresholds and lists are the owner's own files,
# given as data: levels.yaml and approved.yaml. Each message begins with the rule's id. Quality and
# data are here; provenance.rego and operation.rego have the rest.
#
# What this policy cannot express, or expresses more narrowly:
# - Exact decimals: the difference behind regression-accuracy and regression-f1 is computed in
#   binary, so values at the threshold (0.96 to 0.94 against 0.02) may fall on either side.
# - The schema: unknown fields, types, ranges, duplicate keys, aliases, two models of one name. A
#   misspelt field is absent here.
# - PEP 440: versions are compared as text without local part and trailing `.0`; no other spelling
#   of a version (v1.8.0, 1.8.0.post0 as 1.8.0-0) is known. PEP 508 markers are cut off, not parsed.
# - Levels by environment: `deny` and `warn` are fixed here, so another level is an edit of this file.
# - Days after 2262: Rego's time ends there, and a later reference date is none to it.
# - Waivers: waivers.yaml is a list, which conftest does not take as data.
# - What a stack runs and which experiments exist: there is no context, the rules say "not decided".
# - The line of a finding, and `did you mean`: no positions reach a policy, and Rego has no distance.
package main

environment := "production"

limit(rule) := data.rules[rule].threshold

given(path) := value if {
	value := object.get(input.spec, path, null)
	value != null
}

# Quality

deny contains "metrics-present: Model must include evaluation metrics" if not input.spec.metrics

deny contains message if {
	some field in ["accuracy", "f1_score"]
	input.spec.metrics
	not input.spec.metrics[field]
	message := sprintf("metrics-present: Model must include metric %s", [field])
}

deny contains message if {
	input.spec.metrics.accuracy < limit("metrics-accuracy-minimum")
	message := sprintf(
		"metrics-accuracy-minimum: Model accuracy %v is below minimum threshold %v",
		[input.spec.metrics.accuracy, limit("metrics-accuracy-minimum")],
	)
}

deny contains message if {
	input.spec.metrics.f1_score < limit("metrics-f1-minimum")
	message := sprintf(
		"metrics-f1-minimum: Model F1 score %v is below minimum threshold %v",
		[input.spec.metrics.f1_score, limit("metrics-f1-minimum")],
	)
}

# Rego has no square root: the lower end of Wilson's interval is below the threshold where the score
# test at the threshold does not reject.
warn contains message if {
	accuracy := input.spec.metrics.accuracy
	samples := input.spec.metrics.sample_size
	least := limit("metrics-confidence")
	accuracy >= least
	z := 1.959964
	((accuracy - least) * (accuracy - least)) * samples < ((z * z) * least) * (1 - least)
	message := sprintf(
		"metrics-confidence: accuracy %v on %v samples may be below %v (95 %% confidence)",
		[accuracy, samples, least],
	)
}

deny contains "fairness-present: Model must include fairness/bias evaluation metrics" if {
	not input.spec.fairness
}

deny contains message if {
	some field in ["demographic_parity", "equalized_odds"]
	input.spec.fairness
	not input.spec.fairness[field]
	message := sprintf("fairness-present: Model must include fairness metric %s", [field])
}

deny contains message if {
	some field, rule in {
		"demographic_parity": "fairness-demographic-parity",
		"equalized_odds": "fairness-equalized-odds",
	}
	abs(input.spec.fairness[field]) >= limit(rule)
	message := sprintf(
		"%s: %s difference %v is not below maximum threshold %v",
		[rule, field, input.spec.fairness[field], limit(rule)],
	)
}

# Data

deny contains "drift-present: Model must include a drift evaluation" if not input.spec.drift

deny contains "drift-present: Model must include drift score" if {
	input.spec.drift
	not input.spec.drift.score
}

deny contains message if {
	input.spec.drift.score >= limit("drift-maximum")
	message := sprintf(
		"drift-maximum: Drift score %v is not below maximum threshold %v",
		[input.spec.drift.score, limit("drift-maximum")],
	)
}

warn contains message if {
	input.spec.drift.score > limit("drift-elevated")
	input.spec.drift.score < limit("drift-maximum")
	message := sprintf(
		"drift-elevated: drift score %v is elevated (above %v)",
		[input.spec.drift.score, limit("drift-elevated")],
	)
}

reference_age := floor((time.now_ns() - day) / 86400000000000) if {
	day := time.parse_rfc3339_ns(concat("", [input.spec.drift.reference_date, "T00:00:00Z"]))
}

deny contains message if {
	reference_age < 0
	message := sprintf(
		"drift-reference-age: drift reference date %s is in the future",
		[input.spec.drift.reference_date],
	)
}

warn contains message if {
	reference_age > limit("drift-reference-age/old")
	message := sprintf(
		"drift-reference-age: drift reference date %s is %v days old, more than %v",
		[input.spec.drift.reference_date, reference_age, limit("drift-reference-age/old")],
	)
}

deny contains message if {
	input.spec.training.sample_size < limit("training-sample-size/refused")
	message := sprintf(
		"training-sample-size: training used %v samples, fewer than %v",
		[input.spec.training.sample_size, limit("training-sample-size/refused")],
	)
}

warn contains message if {
	input.spec.training.sample_size >= limit("training-sample-size/refused")
	input.spec.training.sample_size < limit("training-sample-size/warned")
	message := sprintf(
		"training-sample-size: training used %v samples, fewer than %v",
		[input.spec.training.sample_size, limit("training-sample-size/warned")],
	)
}

# Regression against the version that the author declares

deny contains message if {
	some field, rule in {
		"accuracy": "regression-accuracy",
		"f1_score": "regression-f1",
	}
	before := input.spec.previous_version.metrics[field]
	now := input.spec.metrics[field]
	before - now > limit(concat("", [rule, "/declared"]))
	message := sprintf(
		"%s: %s %v is more than %v below the previous version's %v",
		[rule, field, now, limit(concat("", [rule, "/declared"])), before],
	)
}

warn contains sprintf("%s: not decided: no stack is asked what it runs", [rule]) if {
	some rule in ["regression-accuracy", "regression-f1"]
}

warn contains message if {
	now := input.spec.inference.latency_p99_ms
	before := input.spec.previous_version.latency_p99_ms
	now > before * limit("regression-latency")
	message := sprintf(
		"regression-latency: p99 latency %v ms is more than %v times the previous version's %v ms",
		[now, limit("regression-latency"), before],
	)
}
