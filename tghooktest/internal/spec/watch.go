package spec

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Watcher checks what it is shown, and keeps the differences. Several goroutines may use it
// at once. The zero value is ready.
type Watcher struct {
	mu     sync.Mutex
	faults map[string]string // an example of each difference
}

// Watch checks the result of a method, or the object of a kind of update.
func (w *Watcher) Watch(name string, object []byte) {
	kind := ""
	if method, ok := Lookup(name); ok {
		kind = method.Result
	} else {
		update, _ := Members("Update")
		if at := slices.IndexFunc(update, func(m Member) bool { return m.Name == name }); at >= 0 {
			kind = update[at].Type
		}
	}
	if kind == "" {
		w.add(name+" is unknown", object)
		return
	}
	for _, fault := range Check(kind, object) {
		w.add(name+": "+fault, object)
	}
}

var position = regexp.MustCompile(`\[\d+\]`)

func (w *Watcher) add(fault string, object []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.faults == nil {
		w.faults = map[string]string{}
	}
	fault = position.ReplaceAllString(fault, "[]")
	if w.faults[fault] == "" {
		w.faults[fault] = string(object)
	}
}

// Report writes the differences. It returns the exit code of the tests, or 1 if they passed
// and there are differences.
func (w *Watcher) Report(to io.Writer, code int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, fault := range slices.Sorted(maps.Keys(w.faults)) {
		fmt.Fprintf(&b, "not as in Bot API 10.3: %s\n\t%.1000s\n", fault, w.faults[fault])
	}
	_, _ = io.WriteString(to, b.String())
	if len(w.faults) > 0 && code == 0 {
		return 1
	}
	return code
}
