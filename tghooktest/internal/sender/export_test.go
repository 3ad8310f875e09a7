package sender

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ReadAnswer describes the answers that the parser finds in these pieces.
func ReadAnswer(pieces []string) string {
	var p parser
	var all []string
	for _, piece := range pieces {
		p.add([]byte(piece))
		for {
			a, whole, err := p.next()
			if err != nil {
				return strings.Join(append(all, fmt.Sprintf("refused %d %s", err.code, err.text)), "; ")
			}
			if !whole {
				break
			}
			all = append(all, describe(a))
			if len(p.rest()) == 0 {
				break
			}
		}
	}
	if len(all) == 0 {
		return "more"
	}
	return strings.Join(all, "; ")
}

// Kept returns how many bytes the parser keeps after an answer of many pieces.
func Kept(head, piece string, times int) (int, error) {
	var p parser
	p.add([]byte(head))
	for range times {
		p.add([]byte(piece))
		if _, _, err := p.next(); err != nil {
			return 0, errors.New(err.text)
		}
	}
	return cap(p.data), nil
}

func describe(a answer) string {
	s := strconv.Itoa(a.status)
	if !a.delivered() {
		s += " reason " + a.reason
	}
	if a.request != "" {
		return "request " + a.request
	}
	if a.reply.Excerpt != "" {
		s += fmt.Sprintf(" body %s of %s", a.reply.Excerpt, a.contentType)
	}
	if !a.lasting {
		s += ", closing"
	}
	return s
}

// ErrorText returns the last_error_message for the end of a connection.
var ErrorText = errorText
