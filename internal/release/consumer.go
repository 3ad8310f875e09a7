package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A consumer is a user with an empty module cache. The user gets the tree's modules from a
// proxy that is made of the tree, and other modules from where this machine gets them.
type consumer struct {
	tree *tree
	dir  string
	sums []byte
	env  []string
	gets int
}

func newConsumer(ctx context.Context, t *tree, dir string) (*consumer, error) {
	c := &consumer{tree: t, dir: dir}
	proxy := filepath.Join(dir, "proxy")
	if err := t.serve(proxy); err != nil {
		return nil, err
	}
	// The tree's go.sum files have the checksums of other modules, so that no checksum
	// database is needed.
	for _, m := range t.modules {
		sums, err := t.read(path.Join(m.dir, "go.sum"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		c.sums = append(c.sums, sums...)
	}
	out, err := command(ctx, t.dir, os.Environ(), "env", "GOMODCACHE", "GOPROXY", "GONOSUMDB")
	if err != nil {
		return nil, err
	}
	machine := strings.Split(out, "\n")
	c.env = append(os.Environ(),
		"GOWORK=off",
		"GOFLAGS=-mod=mod -modcacherw -trimpath", // with -trimpath the next run can use the build cache too
		"GOMODCACHE="+filepath.Join(dir, "modcache"),
		"GOPROXY="+strings.Join([]string{fileURL(proxy), fileURL(filepath.Join(machine[0], "cache", "download")), machine[1]}, ","),
		"GONOPROXY=none",
		"GONOSUMDB="+strings.Trim(root+","+machine[2], ","),
	)
	return c, nil
}

// get runs `go get path` in a new module. There it builds the programs of the page and the
// packages of the module.
func (c *consumer) get(ctx context.Context, p page, get string) error {
	m, _ := c.tree.moduleOf(get)
	packages, err := c.tree.packages(ctx, m)
	if err != nil {
		return err
	}
	c.gets++
	dir := filepath.Join(c.dir, fmt.Sprint("consumer", c.gets))
	programs := c.tree.programsOf(p, m)
	sources := map[string]string{
		"go.sum":           string(c.sums),
		"packages/main.go": "package main\n\nimport (\n\t_ \"" + strings.Join(packages, "\"\n\t_ \"") + "\"\n)\n\nfunc main() {}\n",
	}
	for i, prog := range programs {
		sources[fmt.Sprintf("program%d/main.go", i+1)] = prog.text
	}
	for name, text := range sources {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"mod", "init", "example.com/bot"}, {"get", get}, {"build", "./..."}} {
		if _, err := command(ctx, dir, c.env, args...); err != nil {
			return err
		}
	}
	got, err := command(ctx, dir, c.env, "list", "-m", root, m.path())
	if err != nil {
		return err
	}
	for line := range strings.SplitSeq(got, "\n") {
		if !strings.HasSuffix(line, " "+c.tree.version) {
			return fmt.Errorf("got %s, want %s", line, c.tree.version)
		}
	}
	fmt.Fprintf(os.Stdout, "%s: go get %s: %s, %d packages and %d programs build\n", p.name, get, c.tree.version, len(packages), len(programs))
	return nil
}

// install runs `go install path` at the version of the release, outside of any module, and
// runs what it has installed.
func (c *consumer) install(ctx context.Context, p page, install string) error {
	c.gets++
	bin := filepath.Join(c.dir, fmt.Sprint("bin", c.gets))
	if err := os.Mkdir(bin, 0o750); err != nil {
		return err
	}
	// No go.sum is read. What comes from elsewhere was verified when this machine got it. The module
	// cache is another one: the go command takes a command for a part of the root if that is in the
	// cache, and the command's own module is not.
	env := append(slices.Clone(c.env), "GOMODCACHE="+bin+"-modcache", "GOFLAGS=-modcacherw -trimpath", "GOBIN="+bin, "GONOSUMDB=*", "CGO_ENABLED=0")
	if _, err := command(ctx, c.dir, env, "install", install+"@"+c.tree.version); err != nil {
		return err
	}
	program := exec.CommandContext(ctx, filepath.Join(bin, path.Base(install)), "version") //nolint:gosec // it was just built
	out, err := program.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s version: %w\n%s", path.Base(install), err, out)
	}
	if version := strings.TrimPrefix(c.tree.version, "v"); !strings.Contains(string(out), " "+version+" ") {
		return fmt.Errorf("%s version: got %s, want %s in it", path.Base(install), out, version)
	}
	fmt.Fprintf(os.Stdout, "%s: go install %s: %s", p.name, install, out)
	return nil
}

// packages returns the packages of m that others can import.
func (t *tree) packages(ctx context.Context, m mod) ([]string, error) {
	out, err := command(ctx, filepath.Join(t.dir, filepath.FromSlash(m.dir)), append(os.Environ(), "GOWORK=off"), "list", "-f", "{{.Name}} {{.ImportPath}}", "./...")
	if err != nil {
		return nil, err
	}
	var packages []string
	for line := range strings.SplitSeq(out, "\n") {
		name, pkg, _ := strings.Cut(line, " ")
		if name != "main" && !strings.Contains(pkg+"/", "/internal/") {
			packages = append(packages, pkg)
		}
	}
	return packages, nil
}

// command runs the go command and returns what it prints.
func command(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are those above
	cmd.Dir, cmd.Env = dir, env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

func fileURL(dir string) string {
	return "file://" + filepath.ToSlash(dir)
}
