package main

import (
	"errors"
	"fmt"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A page is a page of the documentation that shows how to get or install a module. The programs in the
// package comments of these modules count as the page's.
type page struct {
	name     string
	gets     []string // the paths
	installs []string // the paths of `go install`
	programs []program
}

// A program is a whole program that a page shows.
type program struct {
	text    string
	imports []string
}

var (
	goGet     = regexp.MustCompile("go get (" + regexp.QuoteMeta(root) + `[\w./-]*)`)
	goInstall = regexp.MustCompile("go install (" + regexp.QuoteMeta(root) + `[\w./-]*)@latest`)
	goBlock   = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
)

// pages returns the README and the pages of docs that show how to get or install a module.
func (t *tree) pages() ([]page, error) {
	var pages []page
	for _, name := range t.files {
		if name != "README.md" && (path.Dir(name) != "docs" || path.Ext(name) != ".md") {
			continue
		}
		text, err := t.read(name)
		if err != nil {
			return nil, err
		}
		p, err := parsePage(name, string(text))
		if err != nil {
			return nil, err
		}
		for _, get := range p.gets {
			m, ok := t.moduleOf(get)
			if !ok {
				continue
			}
			programs, err := t.commented(m)
			if err != nil {
				return nil, err
			}
			p.programs = append(p.programs, programs...)
		}
		if len(p.gets)+len(p.installs) > 0 {
			pages = append(pages, p)
		}
	}
	return pages, nil
}

// commented returns the whole programs that the package comment in a module's doc.go shows.
func (t *tree) commented(m mod) ([]program, error) {
	name := path.Join(m.dir, "doc.go")
	text, err := t.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var programs []program
	for _, block := range new(comment.Parser).Parse(file.Doc.Text()).Content {
		if code, ok := block.(*comment.Code); ok && strings.HasPrefix(code.Text, "package main\n") {
			prog, err := parseProgram(name, code.Text)
			if err != nil {
				return nil, err
			}
			programs = append(programs, prog)
		}
	}
	return programs, nil
}

func parsePage(name, text string) (page, error) {
	p := page{name: name}
	for _, found := range goGet.FindAllStringSubmatch(text, -1) {
		if get := strings.TrimRight(found[1], "./"); !slices.Contains(p.gets, get) {
			p.gets = append(p.gets, get)
		}
	}
	for _, found := range goInstall.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(p.installs, found[1]) {
			p.installs = append(p.installs, found[1])
		}
	}
	for _, found := range goBlock.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(found[1], "package main\n") {
			continue
		}
		prog, err := parseProgram(name, found[1])
		if err != nil {
			return p, err
		}
		p.programs = append(p.programs, prog)
	}
	return p, nil
}

func parseProgram(name, text string) (program, error) {
	prog := program{text: text}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
	if err != nil {
		return prog, err
	}
	for _, i := range file.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return prog, err
		}
		prog.imports = append(prog.imports, imported)
	}
	return prog, nil
}

// programsOf returns the programs of p that need m. If a program needs a module below m, it
// is not among them.
func (t *tree) programsOf(p page, m mod) []program {
	var of []program
	for _, prog := range p.programs {
		var deepest mod
		found := false
		for _, i := range prog.imports {
			if in, ok := t.moduleOf(i); ok && (!found || len(in.path()) > len(deepest.path())) {
				deepest, found = in, true
			}
		}
		if found && deepest.path() == m.path() {
			of = append(of, prog)
		}
	}
	return of
}

// undocumented returns an error for each module whose `go get` and use no page shows, or, of
// a command, whose `go install`; and for each of both on a page that names no module.
func (t *tree) undocumented(pages []page) []error {
	var errs []error
	shown := map[string]bool{}
	for _, p := range pages {
		for _, get := range p.gets {
			m, ok := t.moduleOf(get)
			if !ok {
				errs = append(errs, fmt.Errorf("%s: go get %s: no such module", p.name, get))
				continue
			}
			if !t.command(m) && len(t.programsOf(p, m)) > 0 {
				shown[m.path()] = true
			}
		}
		for _, install := range p.installs {
			m, ok := t.moduleOf(install)
			if !ok || m.path() != install || !t.command(m) {
				errs = append(errs, fmt.Errorf("%s: go install %s@latest: no such command", p.name, install))
				continue
			}
			shown[m.path()] = true
		}
	}
	for _, m := range t.modules {
		switch {
		case !m.published() || shown[m.path()]:
		case t.command(m):
			errs = append(errs, fmt.Errorf("%s: no page of README.md and docs shows `go install %s@latest`", m.file.Syntax.Name, m.path()))
		default:
			errs = append(errs, fmt.Errorf("%s: no page of README.md and docs shows both `go get %s` and a whole program (package main) that imports it, there or in its package comment; "+
				"document it, or move it into one of the folders %s",
				m.file.Syntax.Name, m.path(), strings.Join(ours, ", ")))
		}
	}
	return errs
}
