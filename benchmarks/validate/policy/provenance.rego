# Where the model comes from: the second part of the policy that manifest.rego describes.
package main

deny contains message if {
	not input.spec.model.framework in data.frameworks
	message := sprintf(
		"framework-approved: framework %s is not approved: use one of %s",
		[input.spec.model.framework, concat(", ", data.frameworks)],
	)
}

requirement(text) := {"name": name, "specifiers": specifiers} if {
	specifiers := split(text, ";")[0]
	written := regex.find_n(`[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?`, specifiers, 1)[0]
	name := regex.replace(lower(written), `[-_.]+`, "-")
}

deny contains message if {
	some text in input.spec.dependencies
	name := requirement(text).name
	not name in data.packages
	message := sprintf("dependency-approved: dependency %s is not on the allowlist", [name])
}

warn contains message if {
	some text in input.spec.dependencies
	needed := requirement(text)
	not regex.match(`>=|==|~=`, needed.specifiers)
	message := sprintf(
		"dependency-pinned: dependency %s has no lower or exact bound (>=, == or ~=)",
		[needed.name],
	)
}

deny contains message if {
	some text in input.spec.dependencies
	needed := requirement(text)
	some version in data.known_vulnerable[needed.name]
	some pin in regex.find_all_string_submatch_n(`===?\s*([^\s,)]+)`, needed.specifiers, -1)
	pins(pin[1], version)
	message := sprintf(
		"dependency-known-vulnerable: dependency %s==%s is known to be vulnerable",
		[needed.name, version],
	)
}

pins(pin, version) if {
	not endswith(pin, ".*")
	shortest(split(pin, "+")[0]) == shortest(version)
}

shortest(version) := regex.replace(version, `(\.0)+$`, "")

deny contains "data-sources-present: Model must name the data sources that it was trained on" if {
	count(object.get(input.spec, "data_sources", [])) == 0
}

deny contains message if {
	some index, item in input.spec.data_sources
	not item.source
	message := sprintf("data-source-approved: data source %v has no source", [index + 1])
}

deny contains message if {
	some item in input.spec.data_sources
	item.source
	object.get(item, "approved", false) != true
	message := sprintf("data-source-approved: data source %s is not approved: true", [item.source])
}

deny contains message if {
	some item in input.spec.data_sources
	not listed(item.source)
	message := sprintf("data-source-approved: data source %s is not on the allowlist", [item.source])
}

# The named source, or one below it; `*` stays within a path segment and is not empty.
listed(source) if {
	not ".." in split(source, "/")
	some pattern in data.data_sources
	some below in ["", "/**"]
	glob.match(concat("", [replace(pattern, "*", "?*"), below]), ["/"], source)
}

experiment := trim_space(object.get(input.spec.model, "experiment_id", ""))

deny contains "experiment-linked: Model must be linked to its experiment" if experiment == ""

warn contains "experiment-linked: not decided: no tracking server is asked" if experiment != ""

deny contains message if {
	scheme := split(input.spec.model.uri, ":")[0]
	allowed := data.uri_schemes[environment]
	not scheme in allowed
	message := sprintf(
		"model-uri-scheme: model uri scheme %s is not allowed in %s: use one of %s",
		[scheme, environment, concat(", ", allowed)],
	)
}
