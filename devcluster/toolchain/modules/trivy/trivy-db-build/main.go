// Command trivy-db-build writes a Trivy database (schema 2) from a reviewed file; its data sources say "stand-in".
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	bolt "go.etcd.io/bbolt"
	"sigs.k8s.io/yaml"
)

var version = "dev" // set by the linker
type advisory struct {
	ID, GHSA, Package, Ecosystem, Fixed, Severity, Title, Source string
	Published                                                    time.Time
	Vulnerable                                                   []string
}

// Per ecosystem: its bucket in Trivy's layout, and the vendor whose severities Trivy reads for it.
var buckets = map[string]string{"pip": "pip::GitHub Security Advisory Pip", "debian 12": "debian 12"}
var sources = map[string]types.DataSource{
	"pip":       {ID: "ghsa", Name: "mlifecycle stand-in for GitHub Security Advisory pip", URL: "https://github.com/advisories"},
	"debian 12": {ID: "debian", Name: "mlifecycle stand-in for Debian Security Tracker", URL: "https://security-tracker.debian.org"},
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("trivy-db-build", version)
		return
	}
	err := fmt.Errorf("usage: trivy-db-build ADVISORIES.yaml OUTPUT_DIR")
	if len(os.Args) == 3 {
		err = build(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "trivy-db-build:", err)
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
	// What is there is replaced, never added to; the metadata, without which Trivy opens nothing, comes last.
	if err = errors.Join(os.RemoveAll(metadata.Path(output)), os.RemoveAll(db.Path(output)), db.Init(output)); err != nil {
		return err
	}
	err = db.Config{}.Connection().Update(func(tx *bolt.Tx) error {
		for number, entry := range file.Advisories {
			if err := put(tx, entry); err != nil {
				return fmt.Errorf("%s: advisory %d (%s): %w", input, number+1, entry.ID, err)
			}
		}
		return nil
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	return metadata.NewClient(output).Update(metadata.Metadata{Version: db.SchemaVersion, UpdatedAt: file.UpdatedAt, NextUpdate: file.UpdatedAt.Add(24 * time.Hour)})
}

func put(tx *bolt.Tx, entry advisory) error {
	source, known := sources[entry.Ecosystem]
	severity, err := types.NewSeverity(entry.Severity)
	pip := entry.Ecosystem == "pip"
	if !known || err != nil || entry.ID == "" || entry.Package == "" || entry.Source == "" || entry.Published.IsZero() {
		return fmt.Errorf("needs id, package, source, published, a severity in capitals and ecosystem pip or debian 12")
	} else if pip != (len(entry.Vulnerable) > 0) {
		return fmt.Errorf("vulnerable ranges are for pip, and needed there")
	}
	item := &types.Advisory{VulnerableVersions: entry.Vulnerable}
	if pip && entry.Fixed != "" {
		item.PatchedVersions = []string{entry.Fixed}
	} else if entry.Fixed != "" {
		item.FixedVersion = entry.Fixed
	} else if !pip {
		item.Severity, item.Status = severity, types.StatusAffected
	}
	store, bucket := db.Config{}, buckets[entry.Ecosystem]
	return errors.Join(
		store.PutDataSource(tx, bucket, source),
		store.PutAdvisory(tx, []string{bucket, entry.Package}, entry.ID, item),
		store.PutVulnerability(tx, entry.ID, types.Vulnerability{
			Title: entry.Title, Severity: entry.Severity, References: []string{entry.Source}, PublishedDate: &entry.Published,
			VendorSeverity: types.VendorSeverity{source.ID: severity},
		}))
}
