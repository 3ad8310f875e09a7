package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// journal is the file in which the bot's processes note each update before they answer. What one
// life of the bot has noted is there when it is killed.
type journal struct {
	file *os.File

	mu     sync.Mutex
	taking []note
	ring   chan struct{} // has a value when taking is not empty
}

// note is an arrival that waits for the disk.
type note struct {
	line []byte
	done chan<- error
}

// end is at the end of each line. A line without it was cut.
const end = ";"

// openJournal opens the file of a new life of the bot. The life before may have been killed in
// the middle of a line.
func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the trial has chosen the path
	if err != nil {
		return nil, err
	}
	j := &journal{file: file, ring: make(chan struct{}, 1)}
	go j.write()
	_, err = file.WriteString("\n")
	return j, err
}

// took notes an update, and returns when it is on the disk.
func (j *journal) took(a arrival) error {
	done := make(chan error, 1)
	j.mu.Lock()
	j.taking = append(j.taking, note{fmt.Appendf(nil, "took %d %d %d %d %d %d ", a.life, a.gateway, a.chat, a.seq, a.update, a.arrived.UnixNano()), done})
	j.mu.Unlock()
	select {
	case j.ring <- struct{}{}:
	default:
	}
	return <-done
}

// write writes what waits, all of it with one wait for the disk.
func (j *journal) write() {
	for range j.ring {
		j.mu.Lock()
		all := j.taking
		j.taking = nil
		j.mu.Unlock()
		var lines []byte
		for _, one := range all {
			lines = fmt.Appendf(append(lines, one.line...), "%d%s\n", time.Now().UnixNano(), end)
		}
		_, err := j.file.Write(lines)
		if err == nil {
			err = j.file.Sync()
		}
		for _, one := range all {
			one.done <- err
		}
	}
}

// answered notes that the answer to an arrival has left this process. It does not wait for the disk:
// a kill of the process does not lose it.
func (j *journal) answered(a arrival) {
	_, _ = fmt.Fprintf(j.file, "answered %d %d %d %d%s\n", a.life, a.update, a.arrived.UnixNano(), time.Now().UnixNano(), end)
}

// arrival is an update that the bot has noted.
type arrival struct {
	life, gateway     int
	chat, seq, update int64
	arrived, took     time.Time
	answered          time.Time // zero: the answer has not left the bot
}

// reader reads the journal while it is written.
type reader struct {
	path string

	mu       sync.Mutex
	offset   int64
	rest     []byte
	all      []*arrival
	byUpdate map[int64][]*arrival
	torn     int // lines that a kill has cut
}

func newReader(path string) *reader { return &reader{path: path, byUpdate: map[int64][]*arrival{}} }

// read reads what is new. It returns how many updates have arrived so far, and how many times any
// has.
func (r *reader) read() (updates, arrivals int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	file, err := os.Open(r.path)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	if _, err := file.Seek(r.offset, io.SeekStart); err != nil {
		return 0, 0, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return 0, 0, err
	}
	r.offset += int64(len(text))
	r.rest = append(r.rest, text...)
	for {
		line, rest, whole := bytes.Cut(r.rest, []byte("\n"))
		if !whole {
			return len(r.byUpdate), len(r.all), nil
		}
		r.rest = rest
		r.note(string(line))
	}
}

// note notes a line.
func (r *reader) note(line string) {
	if line == "" {
		return
	}
	line, whole := strings.CutSuffix(line, end)
	if !whole {
		r.torn++
		return
	}
	var a arrival
	var arrived, took, answered int64
	if n, err := fmt.Sscanf(line, "took %d %d %d %d %d %d %d", &a.life, &a.gateway, &a.chat, &a.seq, &a.update, &arrived, &took); err == nil && n == 7 {
		a.arrived, a.took = time.Unix(0, arrived), time.Unix(0, took)
		r.all = append(r.all, &a)
		r.byUpdate[a.update] = append(r.byUpdate[a.update], &a)
		return
	}
	if n, err := fmt.Sscanf(line, "answered %d %d %d %d", &a.life, &a.update, &arrived, &answered); err == nil && n == 4 {
		for _, one := range r.byUpdate[a.update] {
			if one.life == a.life && one.arrived.UnixNano() == arrived {
				one.answered = time.Unix(0, answered)
				return
			}
		}
	}
	r.torn++ // nothing has written such a line
}

// arrivals returns all arrivals in their order. The bot must have ended.
func (r *reader) arrivals() (all []*arrival, torn int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all, r.torn
}
