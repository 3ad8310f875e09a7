package world

import (
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

var toTag = power{"can_manage_tags", "not enough rights to change the tag of the user", "method is available only for groups and supergroups"}

// longestTag is the number of characters of a member's tag.
const longestTag = 16

// setChatMemberTag sets the tag that a member's messages have.
func (w *World) setChatMemberTag(p botapi.Params) (any, error) {
	c, m, err := w.subject(p, toTag)
	switch {
	case err != nil:
		return nil, err
	case !m.present() || m.Status == "administrator":
		return nil, refusal("PARTICIPANT_ID_INVALID")
	case utf8.RuneCountInString(p.String("tag")) > longestTag:
		return nil, refusal("RANK_INVALID")
	}
	tagged := *m
	tagged.Tag = p.String("tag")
	c.members[m.User.ID] = &tagged
	w.change()
	return true, nil
}
