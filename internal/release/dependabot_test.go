package main

import (
	"path"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestDependabotKnowsEveryModule(t *testing.T) {
	t.Parallel()
	tree, err := readTree(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := tree.read(".github/dependabot.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directories []string `yaml:"directories"`
		} `yaml:"updates"`
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	for _, u := range config.Updates {
		known[u.Ecosystem] = append(known[u.Ecosystem], u.Directories...)
	}
	for _, name := range tree.files {
		ecosystem := map[string]string{"go.mod": "gomod", "package.json": "npm"}[path.Base(name)]
		if ecosystem == "" {
			continue
		}
		if dir := path.Join("/", path.Dir(name)); !slices.Contains(known[ecosystem], dir) {
			t.Errorf(".github/dependabot.yml: %s lacks %s", ecosystem, dir)
		}
	}
}
