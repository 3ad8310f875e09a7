// Command release checks, in the repository's root, that a release would work. Its commands:
//
//	check    gets and builds every documented module as a user would
//	require  has each go.mod require its siblings at the version of the release
//	modules  prints the folders of the published modules
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
	if len(args) != 1 {
		return errors.New("usage: release check|require|modules")
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
	}
	return fmt.Errorf("release %s: unknown; the commands are check, require and modules", args[0])
}

// check makes a module proxy of the tree. Then it runs each `go get` that the
// documentation shows as a user would.
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
	}
	return nil
}
