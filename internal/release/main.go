// Command release checks, in the repository's root, that a release would work. Its commands:
//
//	check    gets and builds every documented module and command as a user would
//	require  has each go.mod require its siblings at the version of the release
//	modules  prints the folders of the published modules
//	npm DIST OUT
//	         makes the packages for npm in OUT, from what goreleaser has made in DIST
//
// The version of the release is that of the newest section of CHANGELOG.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	want := 1
	if len(args) > 0 && args[0] == "npm" {
		want = 3
	}
	if len(args) != want {
		return errors.New("usage: release check|require|modules|npm DIST OUT")
	}
	t, err := readTree(ctx, ".")
	if err != nil {
		return err
	}
	switch args[0] {
	case "check":
		return check(ctx, t)
	case "require":
		return t.require()
	case "modules":
		for _, m := range t.modules {
			if m.published() {
				fmt.Fprintln(os.Stdout, m.dir)
			}
		}
		return nil
	case "npm":
		return t.npm(args[1], args[2])
	}
	return fmt.Errorf("release %s: unknown; the commands are check, require, modules and npm", args[0])
}

// check makes a module proxy of the tree. Then it runs each `go get` and `go install` that
// the documentation shows as a user would.
func check(ctx context.Context, t *tree) error {
	pages, err := t.pages()
	if err != nil {
		return err
	}
	if err := errors.Join(append(t.mistakes(), t.undocumented(pages)...)...); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tghook-release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c, err := newConsumer(ctx, t, dir)
	if err != nil {
		return err
	}
	for _, p := range pages {
		for _, path := range p.gets {
			if err := c.get(ctx, p, path); err != nil {
				return fmt.Errorf("%s: go get %s: %w", p.name, path, err)
			}
		}
		for _, path := range p.installs {
			if err := c.install(ctx, p, path); err != nil {
				return fmt.Errorf("%s: go install %s: %w", p.name, path, err)
			}
		}
	}
	return nil
}
