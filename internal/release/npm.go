package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// npmSource is the folder of what the npm package tghook has beside its package.json.
const npmSource = "packaging/npm/tghook"

// An artifact is a file that goreleaser has made, as its artifacts.json lists it.
type artifact struct {
	Path   string `json:"path"`
	Goos   string `json:"goos"`
	Goarch string `json:"goarch"`
	Type   string `json:"type"`
}

// A platform is one for which npm has a package with the program.
type platform struct{ os, cpu string } // in Node's words

// platformOf returns the platform in Node's words.
func platformOf(a artifact) (platform, bool) {
	system := map[string]string{"linux": "linux", "darwin": "darwin", "windows": "win32"}[a.Goos]
	cpu := map[string]string{"amd64": "x64", "arm64": "arm64"}[a.Goarch]
	return platform{system, cpu}, system != "" && cpu != ""
}

func (p platform) name() string { return "@tghook/" + p.os + "-" + p.cpu }

func (p platform) program() string {
	if p.os == "win32" {
		return "tghook.exe"
	}
	return "tghook"
}

// npm makes the packages for npm in a folder that does not exist yet: one for each platform
// that artifacts.json in dist has a binary for, and tghook, which depends on all of them. No
// package has a script that runs when it is installed.
func (t *tree) npm(dist, out string) error {
	text, err := os.ReadFile(filepath.Join(dist, "artifacts.json")) //nolint:gosec // the caller's argument
	if err != nil {
		return fmt.Errorf("npm: goreleaser's list of what it has made: %w", err)
	}
	var artifacts []artifact
	if err := json.Unmarshal(text, &artifacts); err != nil {
		return fmt.Errorf("npm: artifacts.json: %w", err)
	}
	if err := os.Mkdir(out, 0o750); err != nil { //nolint:gosec // the caller's argument
		return fmt.Errorf("npm: the folder for the packages: %w", err)
	}
	optional := map[string]string{}
	for _, a := range artifacts {
		p, known := platformOf(a)
		if a.Type != "Binary" || !known {
			continue
		}
		if err := t.npmPlatform(a, p, filepath.Join(out, p.os+"-"+p.cpu)); err != nil {
			return err
		}
		optional[p.name()] = t.npmVersion()
	}
	if len(optional) == 0 {
		return errors.New("npm: artifacts.json has no binary; run goreleaser first")
	}
	return t.npmMain(optional, filepath.Join(out, "tghook"))
}

// npmVersion is the version of the release without its v.
func (t *tree) npmVersion() string { return strings.TrimPrefix(t.version, "v") }

func (t *tree) npmPlatform(a artifact, p platform, dir string) error {
	program, err := os.ReadFile(filepath.Join(t.dir, filepath.FromSlash(a.Path))) // goreleaser's paths begin at the root
	if err != nil {
		return fmt.Errorf("npm: the binary for %s: %w", p.name(), err)
	}
	return t.npmWrite(dir, map[string]any{
		"name":        p.name(),
		"description": "The program tghook for " + p.os + " on " + p.cpu + ". Install the package tghook, which picks the right one.",
		"os":          []string{p.os},
		"cpu":         []string{p.cpu},
		"files":       []string{"bin"},
	}, map[string][]byte{"bin/" + p.program(): program})
}

func (t *tree) npmMain(optional map[string]string, dir string) error {
	files := map[string][]byte{}
	for _, name := range []string{"bin/tghook.js", "README.md"} {
		text, err := t.read(npmSource + "/" + name)
		if err != nil {
			return err
		}
		files[name] = text
	}
	return t.npmWrite(dir, map[string]any{
		"name":                 "tghook",
		"description":          "A Telegram on your desk, and a doctor for webhooks, for a bot in any language",
		"keywords":             []string{"telegram", "bot", "webhook", "testing", "simulator", "mock"},
		"bin":                  map[string]string{"tghook": "bin/tghook.js"},
		"files":                []string{"bin"},
		"engines":              map[string]string{"node": ">=18"},
		"optionalDependencies": optional,
	}, files)
}

// npmWrite writes a package: what all packages have, and what is its own.
func (t *tree) npmWrite(dir string, own map[string]any, files map[string][]byte) error {
	licence, err := t.read("LICENSE")
	if err != nil {
		return err
	}
	files["LICENSE"] = licence
	maps.Copy(own, map[string]any{
		"version": t.npmVersion(), "license": "MIT", "homepage": "https://github.com/tghook/tghook/blob/main/docs/dev.md",
		"repository": map[string]string{"type": "git", "url": "git+https://github.com/tghook/tghook.git", "directory": npmSource},
		"bugs":       "https://github.com/tghook/tghook/issues",
	})
	if files["package.json"], err = json.MarshalIndent(own, "", "  "); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil { //nolint:gosec // in the caller's folder
			return err
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		if err := os.WriteFile(path, content, mode); err != nil { //nolint:gosec // in the caller's folder
			return err
		}
	}
	return nil
}
