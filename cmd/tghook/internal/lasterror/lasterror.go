// Package lasterror explains the errors that Telegram's server gives about a webhook: the
// last_error_message of getWebhookInfo, and the descriptions of refused calls of setWebhook
// and getUpdates.
package lasterror

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Explanation says what an error means.
type Explanation struct {
	Error     string `json:"error"`
	Meaning   string `json:"meaning"`
	Mend      string `json:"mend"`
	Diagnosis string `json:"diagnosis,omitempty"` // the name of the doctor's diagnosis that looks for the cause
}

var patterns = sync.OnceValue(func() []*regexp.Regexp {
	all := make([]*regexp.Regexp, 0, len(table))
	for _, row := range table {
		all = append(all, regexp.MustCompile(`(?is)^(?:`+row.pattern+`)$`))
	}
	return all
})

// Explain returns the explanation of an error. It returns false if Telegram's server has no
// such text. The text may have a bracketed number or a "Bad Request: " before it, as
// libraries print it.
func Explain(text string) (Explanation, bool) {
	text = strings.TrimSpace(text)
	for i, pattern := range patterns() {
		if found := pattern.FindStringSubmatchIndex(text); found != nil {
			row := table[i]
			expand := func(template string) string { return string(pattern.ExpandString(nil, template, text, found)) }
			return Explanation{text, expand(row.meaning), expand(row.mend), row.diagnosis}, true
		}
	}
	if _, rest, ok := strings.Cut(text, ": "); ok { // such as "Bad Request: bad webhook: ..."
		e, known := Explain(rest)
		e.Error = text
		return e, known
	}
	return Explanation{Error: text}, false
}

// Diagnoses returns the names of the diagnoses that explanations have.
func Diagnoses() (names []string) {
	for _, row := range table {
		if row.diagnosis != "" && !slices.Contains(names, row.diagnosis) {
			names = append(names, row.diagnosis)
		}
	}
	return names
}
