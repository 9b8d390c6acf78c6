#include "engine/task/answer_parser.h"

#include <stdlib.h>
#include <string.h>

typedef enum { TAG_REF, TAG_REF_END, TAG_BOX, TAG_BOX_END, N_TAGS } Tag;
static const char *const tags[N_TAGS] = {"<ref>", "</ref>", "<box>", "</box>"};

struct _AxAnswerParser {
  GString *raw, *plain;
  GArray *from;     /* guint32: offset in raw of each byte of plain */
  gsize at;         /* raw[0, at) has gone into plain and boxes */
  gsize search;     /* where to look for the end of the box that begins at `at` */
  gsize last_box;   /* end of the last box, four numbers or not */
  gboolean no_end;  /* no box ends after `at`: said at the end of the text */
  gsize given;      /* of plain, by the last call */
  GPtrArray *boxes; /* AxParsedBox */
};

static void parsed_box_free(gpointer data) {
  AxParsedBox *b = data;
  g_free(b->label);
  g_free(b);
}

AxAnswerParser *ax_answer_parser_new(void) {
  AxAnswerParser *self = g_new0(AxAnswerParser, 1);
  self->raw = g_string_new(NULL);
  self->plain = g_string_new(NULL);
  self->from = g_array_new(FALSE, FALSE, sizeof(guint32));
  self->boxes = g_ptr_array_new_with_free_func(parsed_box_free);
  return self;
}

void ax_answer_parser_free(AxAnswerParser *self) {
  g_string_free(self->raw, TRUE);
  g_string_free(self->plain, TRUE);
  g_array_unref(self->from);
  g_ptr_array_unref(self->boxes);
  g_free(self);
}

guint ax_answer_parser_n_boxes(const AxAnswerParser *self) { return self->boxes->len; }
const AxParsedBox *ax_answer_parser_box(const AxAnswerParser *self, guint i) { return i < self->boxes->len ? self->boxes->pdata[i] : NULL; }
const char *ax_answer_parser_raw(const AxAnswerParser *self) { return self->raw->str; }
const char *ax_answer_parser_plain(const AxAnswerParser *self) { return self->plain->str; }
gsize ax_answer_parser_raw_offset(const AxAnswerParser *self, gsize at) { return at < self->from->len ? g_array_index(self->from, guint32, at) : self->raw->len; }

/* ---- pieces of text ---- */

static gboolean is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The tag that p[n] begins with, N_TAGS if none, -1 if more text could make it one. */
static int tag_at(const char *p, gsize n) {
  gboolean maybe = FALSE;
  for (int t = 0; t < N_TAGS; t++) {
    const gsize length = strlen(tags[t]);
    if (strncmp(p, tags[t], MIN(n, length)) == 0) {
      if (n >= length)
        return t;
      maybe = TRUE;
    }
  }
  return maybe ? -1 : N_TAGS;
}

/* All signed decimal numbers of text[n], at most max of them; one more than max is counted, not kept. */
static guint read_numbers(const char *text, gsize n, double *values, guint max) {
  guint count = 0;
  for (gsize i = 0; i < n && count <= max;) {
    const gsize digits = i + (text[i] == '-');
    if (digits >= n || !g_ascii_isdigit(text[digits])) {
      i++;
      continue;
    }
    gsize end = digits;
    while (end < n && g_ascii_isdigit(text[end]))
      end++;
    if (end + 1 < n && text[end] == '.' && g_ascii_isdigit(text[end + 1]))
      for (end++; end < n && g_ascii_isdigit(text[end]);)
        end++;
    if (count < max) {
      char number[64];
      const gsize length = MIN(end - i, sizeof number - 1);
      memcpy(number, text + i, length);
      number[length] = '\0';
      values[count] = g_ascii_strtod(number, NULL);
    }
    count++;
    i = end;
  }
  return count;
}

/* Without tags ("<" up to the next ">") and with single spaces; NULL if nothing is left. */
static char *visible(const char *text, gsize n) {
  GString *out = g_string_new(NULL);
  for (gsize i = 0; i < n;) {
    const char *close = text[i] == '<' ? memchr(text + i, '>', n - i) : NULL;
    if (close != NULL) {
      i = (gsize) (close - text) + 1;
      continue;
    }
    if (text[i] == '<') { /* no ">" follows, nor does one after any later "<" */
      for (; i < n; i++)
        if (!is_space(text[i]))
          g_string_append_c(out, text[i]);
        else if (out->len > 0 && out->str[out->len - 1] != ' ')
          g_string_append_c(out, ' ');
      break;
    }
    if (!is_space(text[i]))
      g_string_append_c(out, text[i]);
    else if (out->len > 0 && out->str[out->len - 1] != ' ')
      g_string_append_c(out, ' ');
    i++;
  }
  while (out->len > 0 && out->str[out->len - 1] == ' ')
    g_string_truncate(out, out->len - 1);
  return g_string_free(out, out->len == 0);
}

/* The last <ref>...</ref> of text[n], or NULL. */
static char *last_ref(const char *text, gsize n) {
  const char *found = NULL, *found_end = NULL, *end = text + n;
  for (const char *p = text;;) {
    const char *open = g_strstr_len(p, end - p, "<ref>");
    const char *close = open != NULL ? g_strstr_len(open + 5, end - open - 5, "</ref>") : NULL;
    if (close == NULL)
      break;
    found = open + 5;
    found_end = close;
    p = close + 6;
  }
  if (found == NULL)
    return NULL;
  char *label = g_strndup(found, (gsize) (found_end - found));
  return g_strstrip(label);
}

static void add_box(AxAnswerParser *self, const double v[4], gsize start, gsize end) {
  AxParsedBox *b = g_new0(AxParsedBox, 1);
  const char *before = self->raw->str + self->last_box;
  const gsize n = start - self->last_box;
  b->label = last_ref(before, n);
  b->is_ref = b->label != NULL;
  if (b->label == NULL)
    b->label = visible(before, n);
  b->box = (AxBox){v[0], v[1], v[2], v[3]};
  b->start = start;
  b->end = end;
  b->plain_at = self->plain->len;
  g_ptr_array_add(self->boxes, b);
}

/* ---- going over the text ---- */

/* At "<box>": the end of the box "<box> ( ... ) </box>", 0 if more text is needed, G_MAXSIZE if this tag begins none. */
static gsize box_end(AxAnswerParser *self, gboolean at_end, gsize *inner, gsize *inner_end) {
  const char *raw = self->raw->str;
  gsize open = self->at + strlen(tags[TAG_BOX]);
  while (open < self->raw->len && is_space(raw[open]))
    open++;
  if (open == self->raw->len)
    return at_end ? G_MAXSIZE : 0;
  if (raw[open] != '(' || self->no_end)
    return G_MAXSIZE;
  for (gsize from = MAX(self->search, open + 1);;) {
    const char *tag = g_strstr_len(raw + from, (gssize) (self->raw->len - from), tags[TAG_BOX_END]);
    if (tag == NULL) {
      /* The beginning of "</box>" may be there already. */
      self->search = MAX(from, self->raw->len >= 5 ? self->raw->len - 5 : 0);
      self->no_end = at_end;
      return at_end ? G_MAXSIZE : 0;
    }
    gsize close = (gsize) (tag - raw);
    while (close > open + 1 && is_space(raw[close - 1]))
      close--;
    if (close > open + 1 && raw[close - 1] == ')') {
      *inner = open + 1;
      *inner_end = close - 1;
      return (gsize) (tag - raw) + strlen(tags[TAG_BOX_END]);
    }
    from = (gsize) (tag - raw) + 1;
  }
}

/* The next n bytes of the raw text are for people. */
static void take_plain(AxAnswerParser *self, gsize n) {
  g_string_append_len(self->plain, self->raw->str + self->at, (gssize) n);
  for (gsize i = 0; i < n; i++) {
    const guint32 from = (guint32) (self->at + i);
    g_array_append_val(self->from, from);
  }
  self->at += n;
}

/* A comma in the plain text that is not in the raw one. */
static void separate(AxAnswerParser *self) {
  const guint32 from = (guint32) self->at;
  g_string_append(self->plain, ", ");
  g_array_append_val(self->from, from);
  g_array_append_val(self->from, from);
}

static void advance(AxAnswerParser *self, gboolean at_end) {
  while (self->at < self->raw->len) {
    const char *p = self->raw->str + self->at;
    const gsize left = self->raw->len - self->at;
    const char *less = memchr(p, '<', left);
    const gsize text = less != NULL ? (gsize) (less - p) : left;
    const gboolean behind_box = self->at > 0 && self->at == self->last_box;
    if (behind_box && *p == ' ' && (self->plain->len == 0 || self->plain->str[self->plain->len - 1] == ' ')) {
      self->at++; /* one space is enough where the box stood */
      continue;
    }
    if (text > 0) {
      take_plain(self, text);
      continue;
    }
    const int tag = tag_at(p, left);
    if (tag == N_TAGS || (tag < 0 && at_end)) {
      take_plain(self, 1);
      continue;
    }
    if (tag < 0)
      return;
    if (tag != TAG_BOX) {
      if (tag == TAG_REF && behind_box && self->plain->len > 0)
        separate(self); /* "<ref>A</ref><box>...</box><ref>B</ref>..." */
      self->at += strlen(tags[tag]);
      continue;
    }
    gsize inner = 0, inner_end = 0;
    const gsize end = box_end(self, at_end, &inner, &inner_end);
    if (end == 0)
      return;
    if (end == G_MAXSIZE) {
      self->at += strlen(tags[TAG_BOX]);
    } else {
      double v[4];
      if (read_numbers(self->raw->str + inner, inner_end - inner, v, 4) == 4)
        add_box(self, v, self->at, end);
      self->at = self->last_box = end;
    }
    self->search = 0;
  }
}

static const char *new_plain(AxAnswerParser *self) {
  const char *text = self->plain->str + self->given;
  self->given = self->plain->len;
  return text;
}

const char *ax_answer_parser_push(AxAnswerParser *self, const char *text) {
  g_string_append(self->raw, text);
  advance(self, FALSE);
  return new_plain(self);
}

/* ---- untagged answers ---- */

/* Four numbers with nothing between them but commas, brackets, white space and the like, somewhere in the text: the first such. */
static void find_untagged(AxAnswerParser *self) {
  const char *raw = self->raw->str;
  const gsize n = self->raw->len;
  double v[4];
  gsize starts[4] = {0};
  guint count = 0;
  for (gsize i = 0; i < n;) {
    const gsize digits = i + (raw[i] == '-');
    if (!(g_ascii_isdigit(raw[digits]) && (i == 0 || !g_ascii_isalnum(raw[i - 1])))) {
      if (strchr(" \t\n,;:()[]{}<>|/", raw[i]) == NULL)
        count = 0;
      i++;
      continue;
    }
    gsize end = digits;
    while (g_ascii_isdigit(raw[end]))
      end++;
    if (raw[end] == '.' && g_ascii_isdigit(raw[end + 1]))
      for (end++; g_ascii_isdigit(raw[end]);)
        end++;
    starts[count] = i;
    double value;
    read_numbers(raw + i, end - i, &value, 1);
    v[count++] = value;
    i = end;
    if (count == 4) {
      /* Brackets belong to the box, words do not. */
      gsize start = starts[0];
      while (start > 0 && (raw[start - 1] == '(' || raw[start - 1] == '['))
        start--;
      while (end < n && (raw[end] == ')' || raw[end] == ']'))
        end++;
      add_box(self, v, start, end);
      return;
    }
  }
}

const char *ax_answer_parser_finish(AxAnswerParser *self, gboolean tolerant) {
  advance(self, TRUE);
  if (tolerant && self->boxes->len == 0 && strstr(self->raw->str, tags[TAG_BOX]) == NULL)
    find_untagged(self);
  return new_plain(self);
}
