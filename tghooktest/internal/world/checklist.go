package world

import "github.com/tghook/tghook/tghooktest/internal/botapi"

// checklist is a Checklist.
type checklist struct {
	Title           string   `json:"title"`
	TitleEnts       []Entity `json:"title_entities,omitempty"`
	Tasks           []task   `json:"tasks"`
	OthersCanAdd    bool     `json:"others_can_add_tasks,omitempty"`
	OthersCanMarkIt bool     `json:"others_can_mark_tasks_as_done,omitempty"`
}

// task is a ChecklistTask.
type task struct {
	ID       int64    `json:"id"`
	Text     string   `json:"text"`
	TextEnts []Entity `json:"text_entities,omitempty"`
}

func (w *World) checklist(p botapi.Params) (Content, error) {
	o, err := objectOf(p, "checklist")
	if err != nil {
		return Content{}, err
	}
	list := checklist{OthersCanAdd: o.flag("others_can_add_tasks"), OthersCanMarkIt: o.flag("others_can_mark_tasks_as_done")}
	if list.Title, list.TitleEnts, err = w.checklistText(o, "title"); err != nil {
		return Content{}, err
	}
	tasks, ok := parseArray(o["tasks"])
	if !ok || len(tasks) == 0 {
		return Content{}, refusal("Can't parse InputChecklist: Can't find field \"tasks\"")
	}
	for _, raw := range tasks {
		t, ok := parseObject(raw)
		if !ok {
			return Content{}, refusal("Can't parse InputChecklistTask: Expected InputChecklistTask to be an Object")
		}
		made := task{ID: t.integer("id")}
		if made.Text, made.TextEnts, err = w.checklistText(t, "text"); err != nil {
			return Content{}, err
		}
		list.Tasks = append(list.Tasks, made)
	}
	return Content{Checklist: marshal(list)}, nil
}

// checklistText reads the title or a task.
func (w *World) checklistText(o object, name string) (string, []Entity, error) {
	text, err := o.need(name)
	if err != nil {
		return "", nil, refusef("Can't parse InputChecklist: %v", err)
	}
	plain, marks, err := w.format(text, o.text("parse_mode"), o[name+"_entities"])
	if err == nil && plain == "" {
		err = refusal("Text must be non-empty")
	}
	return plain, marks, err
}
