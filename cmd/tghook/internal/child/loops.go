package child

import (
	"slices"
	"time"
)

const (
	// soon is how long after its start a bot is taken to have written a file itself.
	soon = 3 * time.Second
	// maxOwn is how many restarts in a row by one file that changes soon are made.
	maxOwn = 3
	// maxIgnored is how many files can be ignored.
	maxIgnored = 256
)

// loops finds the files that a bot writes whenever it starts. Each would restart it for
// ever.
type loops struct {
	files   []string // which changed before each restart in a row
	inARow  int
	ignored map[string]bool
}

// judge returns one of the files that changed together if it restarts a bot that has run for
// so long, and the files that do not from now on.
func (l *loops) judge(files []string, ran time.Duration) (counts string, fromNowOn []string) {
	files = l.without(files)
	if len(files) == 0 {
		return "", nil
	}
	again := slices.DeleteFunc(slices.Clone(l.files), func(file string) bool { return !slices.Contains(files, file) })
	if len(again) == 0 || ran > soon {
		l.files, l.inARow = files, 0
	} else {
		l.files = again
	}
	l.inARow++
	if l.inARow <= maxOwn {
		return files[0], nil
	}
	if l.ignored == nil {
		l.ignored = map[string]bool{}
	}
	for _, file := range l.files {
		if len(l.ignored) < maxIgnored {
			l.ignored[file] = true
			fromNowOn = append(fromNowOn, file)
		}
	}
	if files = l.without(files); len(files) == 0 {
		return "", fromNowOn
	}
	l.files, l.inARow = files, 1
	return files[0], fromNowOn
}

// without returns the files that are not ignored.
func (l *loops) without(files []string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(file string) bool { return l.ignored[file] })
}
