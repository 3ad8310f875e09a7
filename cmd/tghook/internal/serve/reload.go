package serve

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/telemetry"
)

// settle is how long the files must rest before they are read: an editor writes in steps.
const settle = 300 * time.Millisecond

// reload takes over a changed configuration, until ctx ends. If the file has a mistake, the
// gateway goes on as it is.
func (s *site) reload(ctx context.Context, g *gateway.Gateway, meter *telemetry.Telemetry) {
	changes, err := fsnotify.NewWatcher()
	if err != nil {
		s.log.Warn("the configuration file is not watched; send SIGHUP after a change", slog.Any("error", err))
		changes = &fsnotify.Watcher{}
	} else {
		defer func() { _ = changes.Close() }()
	}
	files := s.watch(changes, s.cfg.File)
	rest := time.NewTimer(0)
	<-rest.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.cfg.Reload:
			rest.Reset(0)
			continue
		case e := <-changes.Events:
			if slices.Contains(files, filepath.Clean(e.Name)) || isLink(e.Name) {
				rest.Reset(settle)
			}
			continue
		case err := <-changes.Errors:
			s.log.Warn("a change of the configuration may be missed; send SIGHUP after a change", slog.Any("error", err))
			continue
		case <-rest.C:
		}
		file, err := config.Load(s.cfg.Path)
		meter.Reloaded(err)
		if err != nil {
			s.log.Error("the configuration has mistakes; the gateway goes on with the one before", slog.Any("error", err))
			continue
		}
		if later := g.Apply(file); len(later) > 0 {
			s.log.Warn("these changes need a restart: " + strings.Join(later, ", "))
		}
		s.log.Info("the configuration was read again")
		files = s.watch(changes, file)
	}
}

// watch watches the folders of the configuration's files, because a file may be replaced by
// another one.
func (s *site) watch(w *fsnotify.Watcher, file *config.Config) (files []string) {
	if w.Events == nil {
		return nil
	}
	for _, name := range append([]string{s.cfg.Path}, file.Files()...) {
		name, err := filepath.Abs(name)
		if err != nil {
			continue
		}
		files = append(files, name)
		if dir := filepath.Dir(name); !slices.Contains(w.WatchList(), dir) {
			if err := w.Add(dir); err != nil {
				s.log.Warn("a file is not watched; send SIGHUP after a change", slog.String("file", name), slog.Any("error", err))
			}
		}
	}
	return files
}

// isLink reports whether a name is one that Kubernetes changes when it changes mounted files.
func isLink(name string) bool { return filepath.Base(name) == "..data" }
