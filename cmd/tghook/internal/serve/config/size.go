package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// units are the units of sizes: for each unit, a smaller one comes later.
var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"KB", 1e3},
}

// unlimited is the word for no bound.
const unlimited = "unlimited"

// minSize is the smallest size: a single update may have half a MiB.
const minSize = 1 << 20

// size reads a size in bytes: 0 for unlimited. If it is not given or wrong, size returns the default.
func (r *reader) size(v *value, byDefault int64) int64 {
	text := v.text()
	if text == unlimited {
		return 0
	}
	for _, unit := range units {
		digits, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(digits, " "), 10, 64)
		switch {
		case err != nil || n > math.MaxInt64/unit.bytes:
			r.wrongf(v, "is too large; give a size such as 10GiB")
		case n*unit.bytes < minSize:
			r.wrongf(v, "must be 1MiB or more")
		default:
			return n * unit.bytes
		}
		break
	}
	return byDefault
}

// sizeText returns the text of a size.
func sizeText(bytes int64) string {
	if bytes == 0 {
		return unlimited
	}
	for _, unit := range units {
		if bytes%unit.bytes == 0 {
			return strconv.FormatInt(bytes/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(bytes, 10)
}

const day = 24 * time.Hour

// days reads a number of days: 0 for unlimited. If it is not given or wrong, days returns the default.
func (r *reader) days(v *value, byDefault time.Duration) time.Duration {
	if v == nil {
		return byDefault
	}
	switch n := v.plain.(type) {
	case string:
		if n == unlimited {
			return 0
		}
	case int64:
		return time.Duration(min(n, 36500)) * day
	case float64:
		return max(time.Second, time.Duration(math.Round(min(n, 36500)*day.Seconds()))*time.Second)
	}
	return byDefault
}

// daysOf returns a number of days as it stands in the file.
func daysOf(d time.Duration) any {
	switch {
	case d == 0:
		return unlimited
	case d%day == 0:
		return int64(d / day)
	}
	return d.Seconds() / day.Seconds()
}

// duration reads a duration. If it is not given or wrong, duration returns the default.
func (r *reader) duration(v *value, byDefault, least, most time.Duration) time.Duration {
	text := v.text()
	if text == "" {
		return byDefault
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		r.wrongf(v, "must be from %v to %v", least, most)
		return byDefault
	}
	return d
}
