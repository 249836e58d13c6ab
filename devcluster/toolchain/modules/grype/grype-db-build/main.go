// Command grype-db-build writes a Grype database (schema 6) from a reviewed file; its providers' names say "stand-in".
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/OneOfOne/xxhash"
	"github.com/anchore/grype/grype/db"
	"github.com/anchore/grype/grype/db/provider"
	"sigs.k8s.io/yaml"
)

var version = "dev" // set by the linker

const schemas = "https://raw.githubusercontent.com/anchore/vunnel/main/schema/"

type advisory struct {
	ID, GHSA, Package, Ecosystem, Fixed, Severity, Title, Source string
	Published                                                    time.Time
	Vulnerable                                                   []string
}

// What a provider of Grype's builder needs: the schema of its items, and the version of its state.
type source struct {
	schema  string
	version int
	items   map[string]any
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("grype-db-build", version)
		return
	}
	err := fmt.Errorf("usage: grype-db-build ADVISORIES.yaml OUTPUT_DIR")
	if len(os.Args) == 3 {
		err = build(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "grype-db-build:", err)
		os.Exit(1)
	}
}

func build(input, output string) error {
	var file struct {
		UpdatedAt  time.Time `json:"updated_at"`
		Advisories []advisory
	}
	content, err := os.ReadFile(input)
	if err = errors.Join(err, yaml.UnmarshalStrict(content, &file)); err != nil {
		return fmt.Errorf("%s: %w", input, err)
	} else if file.UpdatedAt.IsZero() || len(file.Advisories) == 0 {
		return fmt.Errorf("%s: needs updated_at and advisories", input)
	}
	sources := map[string]source{
		"github": {"vulnerability/github-security-advisory/schema-1.0.0.json", 2, map[string]any{}},
		"debian": {"vulnerability/os/schema-1.0.0.json", 1, map[string]any{}},
	}
	for number, entry := range file.Advisories {
		if err := add(sources, entry); err != nil {
			return fmt.Errorf("%s: advisory %d (%s): %w", input, number+1, entry.ID, err)
		}
	}
	work, err := os.MkdirTemp("", "grype-db-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var states provider.States
	for name, from := range sources {
		state, err := write(filepath.Join(work, name), name, from, file.UpdatedAt)
		if err != nil {
			return err
		}
		states = append(states, *state)
	}
	return errors.Join(os.MkdirAll(output, 0o755), db.Build(db.BuildConfig{
		SchemaVersion: 6, Directory: output, States: states, Timestamp: file.UpdatedAt,
		IncludeCPEParts: []string{"a", "o", "h"}, Hydrate: true, BatchSize: 100,
	}))
}

func add(sources map[string]source, entry advisory) error {
	if entry.ID == "" || entry.Package == "" || entry.Source == "" || entry.Severity == "" || entry.Published.IsZero() {
		return fmt.Errorf("needs id, package, source, severity and published")
	}
	severity := entry.Severity[:1] + strings.ToLower(entry.Severity[1:])
	switch entry.Ecosystem {
	case "pip":
		if entry.GHSA == "" || len(entry.Vulnerable) == 0 {
			return fmt.Errorf("needs ghsa and vulnerable ranges")
		}
		var fixes []any
		for _, versions := range entry.Vulnerable {
			fixes = append(fixes, map[string]any{
				"ecosystem": "python", "name": entry.Package, "namespace": "github:python",
				"identifier": entry.Fixed, "range": versions,
			})
		}
		sources["github"].items[entry.GHSA] = map[string]any{"Vulnerability": map[string]any{}, "Advisory": map[string]any{
			"ghsaId": entry.GHSA, "namespace": "github:python", "CVE": []string{entry.ID}, "Severity": severity,
			"Summary": entry.Title, "url": entry.Source, "published": entry.Published.Format(time.RFC3339), "FixedIn": fixes,
			"Metadata": map[string]any{"CVE": []string{entry.ID}},
		}}
	case "debian 12":
		fixed := entry.Fixed
		if fixed == "" {
			fixed = "None"
		}
		sources["debian"].items[entry.ID] = map[string]any{"Vulnerability": map[string]any{
			"Name": entry.ID, "NamespaceName": "debian:12", "Severity": severity, "Description": entry.Title,
			"Link": entry.Source, "Metadata": map[string]any{"Issued": entry.Published.Format(time.RFC3339)},
			"FixedIn": []any{map[string]any{
				"Name": entry.Package, "NamespaceName": "debian:12", "Version": fixed, "VersionFormat": "dpkg",
			}},
		}}
	default:
		return fmt.Errorf("ecosystem is pip or debian 12")
	}
	return nil
}

// write lays a provider's items out as its own tool would, which is the only form that the builder reads.
func write(folder, name string, from source, updated time.Time) (*provider.State, error) {
	if err := os.MkdirAll(filepath.Join(folder, "results"), 0o755); err != nil {
		return nil, err
	}
	var checksums strings.Builder
	for id, item := range from.items {
		content, err := json.Marshal(map[string]any{"schema": schemas + from.schema, "identifier": id, "item": item})
		file := filepath.Join("results", id+".json")
		if err = errors.Join(err, os.WriteFile(filepath.Join(folder, file), content, 0o644)); err != nil {
			return nil, err
		}
		fmt.Fprintf(&checksums, "%s  %s\n", digest(content), file)
	}
	listing := []byte(checksums.String())
	state, err := json.Marshal(map[string]any{
		"provider": name, "urls": []string{"mlifecycle stand-in for " + name}, "store": "flat-file",
		"timestamp": updated.Format(time.RFC3339), "version": from.version, "distribution_version": 1,
		"processor": "grype-db-build@" + version, "stale": false,
		"listing": map[string]any{"digest": digest(listing), "path": "checksums", "algorithm": "xxh64"},
		"schema":  map[string]any{"version": "1.0.3", "url": schemas + "provider-workspace-state/schema-1.0.3.json"},
	})
	metadata := filepath.Join(folder, "metadata.json")
	if err = errors.Join(err, os.WriteFile(filepath.Join(folder, "checksums"), listing, 0o644), os.WriteFile(metadata, state, 0o644)); err != nil {
		return nil, err
	}
	return provider.ReadState(metadata)
}

func digest(content []byte) string { return fmt.Sprintf("%x", xxhash.Checksum64(content)) }
