// Command release checks, in the repository's root, that a release would work:
//
//	release check    gets and builds every documented module as a user would
//	release require  has each go.mod require its siblings at the version of the release
//	release modules  prints the folders of the published modules
//
// The version of the release is that of the newest section of CHANGELOG.md.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: release check|require|modules")
	}
	t, err := readTree(".")
	if err != nil {
		return err
	}
	switch args[0] {
	case "check":
		return check(t)
	case "require":
		return t.require()
	case "modules":
		for _, m := range t.modules {
			if m.published() {
				fmt.Println(m.dir)
			}
		}
		return nil
	}
	return fmt.Errorf("release %s: unknown; the commands are check, require and modules", args[0])
}

// check makes a module proxy of the tree, and has one user for each `go get` that
// the documentation shows.
func check(t *tree) error {
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
	c, err := newConsumer(t, dir)
	if err != nil {
		return err
	}
	for _, p := range pages {
		for _, path := range p.gets {
			if err := c.get(p, path); err != nil {
				return fmt.Errorf("%s: go get %s: %w", p.name, path, err)
			}
		}
	}
	return nil
}
