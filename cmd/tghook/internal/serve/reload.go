package serve

import (
	"context"
	"errors"
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

const (
	// settle is how long the files must rest before they are read: an editor writes in steps.
	settle = 300 * time.Millisecond
	// lookAgain is how often a configuration with mistakes is tried.
	lookAgain = 5 * time.Second
)

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
	s.follow(ctx, changes, g, meter)
}

// follow reads the configuration when its files have changed, until ctx ends.
func (s *site) follow(ctx context.Context, changes *fsnotify.Watcher, g *gateway.Gateway, meter *telemetry.Telemetry) {
	files := s.watch(changes, s.cfg.File)
	rest := time.NewTimer(0)
	<-rest.C
	var mistakes string
	var again <-chan time.Time // while there are mistakes
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
			if errors.Is(err, fsnotify.ErrEventOverflow) { // changes were missed
				rest.Reset(settle)
				continue
			}
			s.log.Warn("a change of the configuration may be missed; send SIGHUP after a change", slog.Any("error", err))
			continue
		case <-again: // a file that is missing may come where nothing is watched
			if _, err := config.Load(s.cfg.Path); err == nil || err.Error() != mistakes {
				rest.Reset(settle)
			}
			again = time.After(lookAgain)
			continue
		case <-rest.C:
		}
		file, err := config.Load(s.cfg.Path)
		meter.Reloaded(err)
		if err != nil {
			s.log.Error("the configuration has mistakes; the gateway goes on with the one before", slog.Any("error", err))
			mistakes, again = err.Error(), time.After(lookAgain)
			continue
		}
		again = nil
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
