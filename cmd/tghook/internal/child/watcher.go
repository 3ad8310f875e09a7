package child

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// maxWatches is how many directories are watched.
	maxWatches = 4096
	// settle is how long no file must have changed until a change is told: an editor or a
	// version control system changes several at once.
	settle = 200 * time.Millisecond
	// settleMost is when a change is told though files go on changing.
	settleMost = 2 * time.Second
	// maxTold is how many files of a change are told.
	maxTold = 64
)

// outputs are directories of programs that build, test and install.
var outputs = []string{
	"node_modules", "bower_components", "vendor", "site-packages", "venv", "env", "__pycache__",
	"dist", "build", "out", "target", "obj", "coverage", "tmp", "temp", "log", "logs",
}

// sources are the extensions of files that a person writes for a program. What a program
// writes itself, such as .json, .db and .log, is not among them.
var sources = strings.Fields(".go .js .mjs .cjs .jsx .ts .mts .cts .tsx .vue .svelte .py .pyi .rb .erb .php .java .kt .kts .groovy " +
	".scala .clj .cs .fs .vb .rs .ex .exs .eex .heex .erl .hrl .lua .pl .pm .dart .swift .c .cc .cpp .h .hpp .nim .zig .cr .hs .ml " +
	".jl .r .sh .html .tmpl .gohtml .jinja .j2 .ejs .hbs .pug .ftl .graphql .proto .sql .yaml .yml .toml .ini .env .properties")

// manifests are files that count though their extension is not in sources.
var manifests = []string{"package.json", "tsconfig.json", "deno.json", "composer.json", "appsettings.json", "go.mod", "go.work", ".env", "Gemfile"}

func isSource(name string) bool {
	return slices.Contains(manifests, filepath.Base(name)) || slices.Contains(sources, strings.ToLower(filepath.Ext(name)))
}

func isOutput(dir string) bool {
	name := filepath.Base(dir)
	return slices.Contains(outputs, name) || strings.HasPrefix(name, ".") && name != "." && name != ".."
}

// A watcher tells which source files below a directory change.
type watcher struct {
	changes chan []string // the first files of each change, relative to the directory
	root    string
	notify  *fsnotify.Watcher
	say     func(string)
	watches int
	full    bool // more than maxWatches directories, or than the system allows
	stop    chan struct{}
	stopped chan struct{}
}

func newWatcher(root string, say func(string)) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{
		changes: make(chan []string), root: root, notify: notify, say: say,
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if _, err := w.addAll(root); err != nil {
		_ = notify.Close()
		return nil, err
	}
	go w.run()
	return w, nil
}

func (w *watcher) close() {
	close(w.stop)
	<-w.stopped
	_ = w.notify.Close()
}

// addAll watches a directory and those below it. It returns a source file in them, if there
// is one.
func (w *watcher) addAll(dir string) (file string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, problem error) error {
		switch {
		case problem != nil && path == w.root:
			return problem
		case problem != nil:
			return nil //nolint:nilerr // it has gone, or must not be read
		case !entry.IsDir():
			if isSource(path) {
				file = path
			}
			return nil
		case path != w.root && isOutput(path):
			return fs.SkipDir
		case w.watches == maxWatches:
			w.stopAdding(fmt.Sprintf("only the first %d folders are watched", maxWatches))
			return fs.SkipAll
		}
		if err := w.notify.Add(path); err != nil {
			if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) {
				w.stopAdding(fmt.Sprintf("the system lets only %d folders be watched: %v", w.watches, err))
				return fs.SkipAll
			}
			return nil // it has gone
		}
		w.watches++
		return nil
	})
	return file, err
}

// stopAdding tells once that folders are left out.
func (w *watcher) stopAdding(problem string) {
	if !w.full {
		w.full = true
		w.say(problem + ". Start tghook in the bot's own folder, or switch this off by --no-watch")
	}
}

func (w *watcher) run() {
	defer close(w.stopped)
	var names []string          // of the change that settles
	var quiet, most *time.Timer // running while there are names
	fire := make(chan struct{}, 1)
	ring := func() {
		select {
		case fire <- struct{}{}:
		default:
		}
	}
	for {
		select {
		case <-w.stop:
			return
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			name, counts := w.source(event)
			if !counts {
				continue
			}
			if len(names) == 0 {
				quiet, most = time.AfterFunc(settle, ring), time.AfterFunc(settleMost, ring)
			} else {
				quiet.Reset(settle)
			}
			names = together(names, name)
		case <-w.notify.Errors: //nolint:errcheck // events are lost; those that came are enough
		case <-fire:
			if len(names) == 0 {
				continue
			}
			quiet.Stop()
			most.Stop()
			select {
			case w.changes <- names:
			case <-w.stop:
				return
			}
			names = nil
		}
	}
}

// together returns the names with one more, unless it is among them or there are maxTold.
func together(names []string, name string) []string {
	if len(names) == maxTold || slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// source returns the source file that an event is about. If it is about a new directory, it
// watches that; files may have been written there before.
func (w *watcher) source(event fsnotify.Event) (string, bool) {
	if event.Op == fsnotify.Chmod {
		return "", false
	}
	file := event.Name
	if event.Has(fsnotify.Create) {
		if info, err := os.Lstat(file); err == nil && info.IsDir() {
			if isOutput(file) {
				return "", false
			}
			file, _ = w.addAll(file) // an error is about the root alone
		}
	}
	if !isSource(file) {
		return "", false
	}
	name, err := filepath.Rel(w.root, file)
	if err != nil {
		name = file
	}
	return name, true
}
