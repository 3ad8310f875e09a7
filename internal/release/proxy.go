package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// serve writes the published modules into dir, in the form of a module proxy. Each has only
// the version of the release.
func (t *tree) serve(dir string) error {
	for _, m := range t.modules {
		if !m.published() {
			continue
		}
		escaped, err := module.EscapePath(m.path())
		if err != nil {
			return err
		}
		base := filepath.Join(dir, filepath.FromSlash(escaped), "@v")
		if err := os.MkdirAll(base, 0o750); err != nil {
			return err
		}
		text, err := t.read(path.Join(m.dir, "go.mod"))
		if err != nil {
			return err
		}
		var archive bytes.Buffer
		if err := zip.Create(&archive, t.at(m), t.filesOf(m)); err != nil {
			return err
		}
		for name, content := range map[string][]byte{
			"list":              []byte(t.version + "\n"),
			t.version + ".info": fmt.Appendf(nil, `{"Version":%q}`, t.version),
			t.version + ".mod":  text,
			t.version + ".zip":  archive.Bytes(),
		} {
			if err := os.WriteFile(filepath.Join(base, name), content, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// filesOf returns the files below the folder of m. zip.Create leaves out those of nested
// modules. If a module has no licence, it gets that of the root, as from the go command.
func (t *tree) filesOf(m mod) []zip.File {
	prefix := ""
	if m.dir != "." {
		prefix = m.dir + "/"
	}
	var files []zip.File
	for _, name := range t.files {
		if strings.HasPrefix(name, prefix) {
			files = append(files, file{name[len(prefix):], filepath.Join(t.dir, filepath.FromSlash(name))})
		}
	}
	if !slices.Contains(t.files, prefix+"LICENSE") {
		files = append(files, file{"LICENSE", filepath.Join(t.dir, "LICENSE")})
	}
	return files
}

// A file implements [zip.File].
type file struct{ path, name string }

func (f file) Path() string                 { return f.path }
func (f file) Lstat() (os.FileInfo, error)  { return os.Lstat(f.name) }
func (f file) Open() (io.ReadCloser, error) { return os.Open(f.name) }
