# How the model is served, watched and taken back: the third part of the policy that manifest.rego
# describes.
package main

deny contains "resources-memory-limit: inference.resources has no limits.memory" if {
	input.spec.inference.resources
	not input.spec.inference.resources.limits.memory
}

deny contains message if {
	some part in ["requests", "limits"]
	some field in ["cpu", "memory"]
	amount := sprintf("%v", [input.spec.inference.resources[part][field]])
	not quantity(amount)
	message := sprintf(
		"resources-memory-limit: %s is not a quantity above 0, such as 512Mi or 500m",
		[amount],
	)
}

quantity(text) if {
	regex.match(
		`^([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,3})?$`,
		text,
	)
	regex.match(`^[0-9.]*[1-9]`, text)
}

warn contains "autoscaling-present: no autoscaling given: the environment's default is applied" if {
	not bounded
}

bounded if input.spec.inference.autoscaling.min_replicas

bounded if input.spec.inference.autoscaling.max_replicas

deny contains message if {
	some path in [
		["inference", "replicas"],
		["inference", "autoscaling", "min_replicas"],
		["inference", "autoscaling", "max_replicas"],
	]
	number := given(path)
	floor_of_environment := limit("replicas-minimum")[environment]
	number < floor_of_environment
	message := sprintf(
		"replicas-minimum: %s %v is below the environment's floor of %v",
		[path[count(path) - 1], number, floor_of_environment],
	)
}

deny contains "monitoring-enabled: monitoring is not enabled: true" if {
	input.spec.monitoring
	object.get(input.spec.monitoring, "enabled", false) != true
}

warn contains message if {
	some field, rule in {
		"drift_detection": "monitoring-drift-detection",
		"alerting": "monitoring-alerting",
	}
	object.get(input.spec, ["monitoring", field], false) != true
	message := sprintf("%s: %s is off, or left to the environment's default", [rule, field])
}

warn contains "explainability-present: no explainability method is given" if {
	trim_space(object.get(input.spec, ["explainability", "method"], "")) == ""
}

deny contains message if {
	input.spec.rollback.automatic == true
	input.spec.monitoring.alerting == false
	input.spec.verification.samples == 0
	message := concat("", [
		"rollback-observable: automatic rollback is asked for, ",
		"with no alert and no verification to trigger it",
	])
}

warn contains not_acted_on(path) if {
	some path in [
		["inference", "grpc"],
		["monitoring", "thresholds"],
		["monitoring", "request_logging"],
		["rollback", "bake"],
		["ownership", "notify"],
	]
	given(path) != null
}

not_acted_on(path) := sprintf(
	"field-acted-on: %s is not acted on by this version of the platform",
	[concat(".", path)],
)
