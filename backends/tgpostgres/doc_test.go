package tgpostgres_test

import "strings"

// functions returns the lines of main and hello in a text whose lines begin with margin.
func functions(text []byte, margin string) (lines []string) {
	inside := false
	for line := range strings.Lines(string(text)) {
		line, ok := strings.CutPrefix(line, margin)
		if !ok {
			continue
		}
		if strings.HasPrefix(line, "func main") || strings.HasPrefix(line, "func hello") {
			inside = true
		}
		if inside {
			lines = append(lines, line)
		}
		if line == "}\n" {
			inside = false
		}
	}
	return lines
}
