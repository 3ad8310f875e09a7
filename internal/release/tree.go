package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// root is the path of the root module. Every other module's path begins with it.
const root = "github.com/tghook/tghook"

// ours are the folders of modules that are not published: they test, measure and show the
// published ones.
var ours = []string{"bench", "e2e", "examples", "internal"}

// A tree is the repository as it would be committed now.
type tree struct {
	dir     string
	files   []string // with slashes, relative to dir
	version string   // of the release, as in v0.1.0
	modules []mod
}

// A mod is one module of the tree.
type mod struct {
	dir  string // with slashes, relative to the tree; "." is the root
	file *modfile.File
}

func (m mod) path() string { return m.file.Module.Mod.Path }

func (m mod) published() bool {
	return !slices.ContainsFunc(ours, func(folder string) bool { return strings.HasPrefix(m.dir+"/", folder+"/") })
}

// command is whether m is a program, which users get by `go install`: no other module
// imports it.
func (t *tree) command(m mod) bool {
	return m.published() && slices.Contains(t.files, path.Join(m.dir, "main.go"))
}

func readTree(ctx context.Context, dir string) (*tree, error) {
	t := &tree{dir: dir}
	git := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	git.Dir = dir
	out, err := git.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		t.files = append(t.files, name)
	}
	changelog, err := t.read("CHANGELOG.md")
	if err != nil {
		return nil, err
	}
	if t.version, err = newest(changelog); err != nil {
		return nil, err
	}
	for _, name := range t.files {
		if path.Base(name) != "go.mod" {
			continue
		}
		text, err := t.read(name)
		if err != nil {
			return nil, err
		}
		file, err := modfile.Parse(name, text, nil)
		if err != nil {
			return nil, err
		}
		t.modules = append(t.modules, mod{path.Dir(name), file})
	}
	return t, nil
}

func (t *tree) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(t.dir, filepath.FromSlash(name)))
}

var section = regexp.MustCompile(`(?m)^## \[(\d+\.\d+\.\d+\S*)\]`)

// newest returns the version of a changelog's newest section below Unreleased.
func newest(changelog []byte) (string, error) {
	found := section.FindSubmatch(changelog)
	if found == nil {
		return "", errors.New("CHANGELOG.md: no section with a version, such as ## [0.1.0]")
	}
	return "v" + string(found[1]), nil
}

// moduleOf returns the published module that has the package of the given path.
func (t *tree) moduleOf(pkg string) (mod, bool) {
	var found mod
	ok := false
	for _, m := range t.modules {
		within := pkg == m.path() || strings.HasPrefix(pkg, m.path()+"/")
		if within && m.published() && (!ok || len(m.path()) > len(found.path())) {
			found, ok = m, true
		}
	}
	return found, ok
}

// mistakes returns an error for each reason in a go.mod why users could not get a module.
func (t *tree) mistakes() []error {
	var errs []error
	published := map[string]bool{}
	for _, m := range t.modules {
		published[m.path()] = m.published()
		if want := path.Join(root, m.dir); m.path() != want {
			errs = append(errs, fmt.Errorf("%s: module %s; want %s, after its folder", m.file.Syntax.Name, m.path(), want))
		}
	}
	for _, m := range t.modules {
		if t.command(m) && len(m.file.Replace) > 0 {
			errs = append(errs, fmt.Errorf("%s: has a replace, with which `go install %s@%s` fails; remove it (go.work leads to the tree's modules)",
				m.file.Syntax.Name, m.path(), t.version))
		}
		for _, r := range m.file.Require {
			sibling, known := published[r.Mod.Path]
			switch {
			case !m.published() || !known:
			case !sibling:
				errs = append(errs, fmt.Errorf("%s: requires %s, which is not published", m.file.Syntax.Name, r.Mod.Path))
			case r.Mod.Version != t.version:
				errs = append(errs, fmt.Errorf("%s: requires %s, which nobody can get; want %s, the newest version in CHANGELOG.md (make release-version sets it)",
					m.file.Syntax.Name, r.Mod, t.version))
			}
		}
	}
	return errs
}

// require makes each go.mod require its siblings at the version of the release.
func (t *tree) require() error {
	paths := map[string]bool{}
	for _, m := range t.modules {
		paths[m.path()] = true
	}
	for _, m := range t.modules {
		for _, r := range m.file.Require {
			if !paths[r.Mod.Path] {
				continue
			}
			if err := m.file.AddRequire(r.Mod.Path, t.version); err != nil {
				return err
			}
		}
		text, err := m.file.Format()
		if err != nil {
			return err
		}
		name := path.Join(m.dir, "go.mod")
		if before, err := t.read(name); err != nil || bytes.Equal(before, text) {
			continue
		}
		if err := os.WriteFile(filepath.Join(t.dir, filepath.FromSlash(name)), text, 0o600); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, name+": "+t.version)
	}
	return nil
}

// at returns m in the version of the release.
func (t *tree) at(m mod) module.Version {
	return module.Version{Path: m.path(), Version: t.version}
}
