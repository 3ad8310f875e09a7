package main

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

func TestThisTreeHasNoMistakes(t *testing.T) {
	t.Parallel()
	tree, err := readTree(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := tree.pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, mistake := range append(tree.mistakes(), tree.undocumented(pages)...) {
		t.Error(mistake)
	}
}

func TestRELEASINGNamesEveryPublishedModule(t *testing.T) {
	t.Parallel()
	tree, err := readTree(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../RELEASING.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tree.modules {
		if m.published() && !strings.Contains(string(text), "| `"+m.path()+"` |") {
			t.Errorf("RELEASING.md: no row for %s", m.path())
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		goMod, page string
		command     bool   // the module is a program
		want        string // empty for none
	}{
		"none of a command": {
			goMod: "module " + root + "/door\n\nrequire " + root + " v0.1.0\n", command: true,
			page: "`go install " + root + "/door@latest`",
		},
		"a command that nobody can install": {
			goMod: "module " + root + "/door\n\nrequire " + root + " v0.1.0\n\nreplace " + root + " => ../\n", command: true,
			page: "`go install " + root + "/door@latest`",
			want: "door/go.mod: has a replace, with which `go install " + root + "/door@v0.1.0` fails",
		},
		"a command on no page": {
			goMod: "module " + root + "/door\n", command: true,
			page: show("door"),
			want: "door/go.mod: no page of README.md and docs shows `go install",
		},
		"a page that installs what is no command": {
			goMod: "module " + root + "/door\n",
			page:  show("door") + "`go install " + root + "/door@latest`",
			want:  "docs/doors.md: go install " + root + "/door@latest: no such command",
		},
		"none": {
			goMod: "module " + root + "/door\n\nrequire " + root + " v0.1.0\n",
			page:  show("door"),
		},
		"a version that nobody can get": {
			goMod: "module " + root + "/door\n\nrequire " + root + " v0.0.0\n\nreplace " + root + " => ../\n",
			page:  show("door"),
			want:  "door/go.mod: requires " + root + "@v0.0.0, which nobody can get; want v0.1.0",
		},
		"a module that is not published": {
			goMod: "module " + root + "/door\n\nrequire " + root + "/bench v0.1.0\n",
			page:  show("door"),
			want:  "door/go.mod: requires " + root + "/bench, which is not published",
		},
		"another path than the folder's": {
			goMod: "module " + root + "/gate\n",
			page:  show("gate"),
			want:  "door/go.mod: module " + root + "/gate; want " + root + "/door",
		},
		"not on any page": {
			goMod: "module " + root + "/door\n",
			page:  "",
			want:  "door/go.mod: no page",
		},
		"no program": {
			goMod: "module " + root + "/door\n",
			page:  "`go get " + root + "/door`.\n",
			want:  "door/go.mod: no page",
		},
		"a page with another project's path": {
			goMod: "module " + root + "/door\n",
			page:  show("door") + "\n`go get " + root + "x`",
			want:  "docs/doors.md: go get " + root + "x: no such module",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := &tree{version: "v0.1.0"}
			if test.command {
				tree.files = []string{"door/main.go"}
			}
			for dir, text := range map[string]string{".": "module " + root + "\n", "bench": "module " + root + "/bench\n", "door": test.goMod} {
				file, err := modfile.Parse(strings.TrimPrefix(dir+"/go.mod", "./"), []byte(text), nil)
				if err != nil {
					t.Fatal(err)
				}
				tree.modules = append(tree.modules, mod{dir, file})
			}
			var pages []page
			for name, text := range map[string]string{"README.md": show(""), "docs/doors.md": test.page} {
				p, err := parsePage(name, text)
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, p)
			}
			mistakes := append(tree.mistakes(), tree.undocumented(pages)...)
			switch {
			case test.want == "" && len(mistakes) > 0, test.want != "" && len(mistakes) != 1:
				t.Errorf("got %q, want one of %q", mistakes, test.want)
			case test.want != "" && !strings.HasPrefix(mistakes[0].Error(), test.want):
				t.Errorf("got %q, want %q", mistakes[0], test.want)
			}
		})
	}
}

// show returns a page that shows how to get and use the module in dir.
func show(dir string) string {
	path := strings.TrimSuffix(root+"/"+dir, "/")
	return "After `go get " + path + "`:\n\n```go\npackage main\n\nimport _ \"" + path + "\"\n\nfunc main() {}\n```\n"
}

func TestNewest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-01\n\n## [0.1.0] - 2026-12-01\n": "v0.2.0",
		"## [1.0.0-rc.1]\n": "v1.0.0-rc.1",
		"## [Unreleased]\n": "",
	} {
		if got, err := newest([]byte(text)); got != want || (err == nil) != (want != "") {
			t.Errorf("newest(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}
