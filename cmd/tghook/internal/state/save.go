package state

import (
	"context"
	"database/sql"
	"iter"
	"sync"
	"time"

	"github.com/tghook/tghook/tghooktest"
)

// interval is how often changes are written: a process that is killed loses no more.
const interval = time.Second

// saving is the goroutine that writes changes.
type saving struct {
	stop context.CancelFunc
	done sync.WaitGroup
}

// Keep saves the Server each second if something has changed, until Close. The first Server must
// have begun with Records. When Keep gets another one, the file has that one alone from then on.
//
// failed gets an error when saving begins to fail, and nil when it works again. It must not
// call Keep or Close.
func (f *File) Keep(s *tghooktest.Server, failed func(error)) {
	f.endSaving()
	ctx, stop := context.WithCancel(context.Background())
	k := &saving{stop: stop}
	f.mu.Lock()
	f.replace = f.replace || f.server != nil && f.server != s
	f.server, f.saving, f.read = s, k, nil
	f.mu.Unlock()
	k.done.Go(func() { f.run(ctx, failed) })
}

// run saves until ctx ends.
func (f *File) run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := f.Save(); (err != nil) != failing {
			failing = err != nil
			failed(err)
		}
	}
}

// endSaving ends the goroutine, if there is one.
func (f *File) endSaving() {
	f.mu.Lock()
	k := f.saving
	f.saving = nil
	f.mu.Unlock()
	if k != nil {
		k.stop()
		k.done.Wait()
	}
}

// Close saves the last changes, and closes the file. Close the Server before, so that nothing
// changes any more.
func (f *File) Close() error {
	f.endSaving()
	err := f.Save()
	if closing := f.db.Close(); err == nil && closing != nil {
		err = f.explain(closing)
	}
	return err
}

// Save writes the changes now. The errors name the flag --state.
func (f *File) Save() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	s, values := f.server, f.unsaved
	f.unsaved = map[string][]byte{}
	f.mu.Unlock()
	err := f.save(s, values)
	if err == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, value := range values {
		if _, newer := f.unsaved[name]; !newer {
			f.unsaved[name] = value
		}
	}
	return f.explain(err)
}

// save writes the changes of the Server and the values in one transaction.
func (f *File) save(s *tghooktest.Server, values map[string][]byte) error {
	wrote := false
	write := func(changes iter.Seq2[string, []byte]) error {
		wrote = true
		return f.write(changes, values)
	}
	none := func(func(string, []byte) bool) {}
	if s != nil {
		if err := s.Save(write); err != nil {
			return err
		}
	}
	if !wrote && len(values) > 0 {
		return write(none)
	}
	return nil
}

// write writes the changes of the Server and the values.
func (f *File) write(changes iter.Seq2[string, []byte], values map[string][]byte) error {
	tx, err := f.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // an error after Commit, which is fine
	f.mu.Lock()
	replace := f.replace
	f.mu.Unlock()
	if replace {
		if _, err := tx.ExecContext(context.Background(), "DELETE FROM record WHERE key LIKE ?", serverPrefix+"%"); err != nil {
			return err
		}
	}
	w, err := newWriter(tx)
	if err != nil {
		return err
	}
	for key, value := range changes {
		w.put(serverPrefix+key, value)
	}
	for name, value := range values {
		w.put(deskPrefix+name, value)
	}
	if w.err == nil {
		w.err = tx.Commit()
	}
	if w.err == nil && replace {
		f.mu.Lock()
		f.replace = false
		f.mu.Unlock()
	}
	return w.err
}

// writer writes records until there is an error.
type writer struct {
	insert, remove *sql.Stmt
	err            error
}

func newWriter(tx *sql.Tx) (*writer, error) {
	insert, err := tx.PrepareContext(context.Background(), "INSERT INTO record (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
	if err != nil {
		return nil, err
	}
	remove, err := tx.PrepareContext(context.Background(), "DELETE FROM record WHERE key = ?")
	return &writer{insert: insert, remove: remove}, err
}

// put writes a record, or deletes it if the value is nil.
func (w *writer) put(key string, value []byte) {
	switch {
	case w.err != nil:
	case value == nil:
		_, w.err = w.remove.ExecContext(context.Background(), key)
	default:
		_, w.err = w.insert.ExecContext(context.Background(), key, value)
	}
}
