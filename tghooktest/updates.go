package tghooktest

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed updates/*.json
var updateFiles embed.FS

type fixture struct {
	name string
	id   int64
	body []byte
}

var fixtures = sync.OnceValue(func() []fixture {
	files, err := updateFiles.ReadDir("updates")
	if err != nil {
		panic(err)
	}
	all := make([]fixture, 0, len(files))
	for _, file := range files {
		body, err := updateFiles.ReadFile(path.Join("updates", file.Name()))
		if err != nil {
			panic(err)
		}
		var u struct {
			ID int64 `json:"update_id"`
		}
		if err := json.Unmarshal(body, &u); err != nil {
			panic(fmt.Sprintf("tghooktest: fixture %s: %v", file.Name(), err))
		}
		all = append(all, fixture{strings.TrimSuffix(file.Name(), ".json"), u.ID, body})
	}
	slices.SortFunc(all, func(a, b fixture) int { return cmp.Compare(a.id, b.id) })
	return all
})

// Update returns the body of the named update. The slice belongs to the caller.
//
// Names are the kinds of update ("message", "callback_query", ...) and "message_large", a
// photo of 14 kB with a caption. Update panics if there is no such name, with the list of
// the names that there are.
func Update(name string) []byte {
	names := make([]string, 0, len(fixtures()))
	for known, body := range Updates() {
		if known == name {
			return body
		}
		names = append(names, known)
	}
	panic(fmt.Sprintf("tghooktest: there is no update named %q; the names are %s", name, strings.Join(names, ", ")))
}

// Updates yields the name and body of every update, in ascending order of update_id. Each
// body is a slice that belongs to the caller.
func Updates() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, f := range fixtures() {
			if !yield(f.name, bytes.Clone(f.body)) {
				return
			}
		}
	}
}
