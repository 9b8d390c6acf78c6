#include "ui/side-hint.h"

#include <glib/gi18n-lib.h>

/* Pairs of twelve that must lie the other way round before anything is said. */
#define PAIRS_NEEDED 10

int ax_side_of_letters(AxImage *image, const AxFilmLetter *letters, guint n_letters) {
  const char *row = ax_image_get_orientation_row(image);
  int sum = 0;
  gboolean both_ways = FALSE;

  if (row && (row[0] == 'L' || row[0] == 'R'))
    return row[0] == 'L' ? 1 : -1;
  for (guint i = 0; i < n_letters; i++) {
    gboolean right = letters[i].box.x1 + letters[i].box.x2 > ax_image_get_width(image);
    int says = (letters[i].letter == 'L') == right ? 1 : -1;

    both_ways |= sum * says < 0;
    sum = says;
  }
  return both_ways ? 0 : sum;
}

AxSides ax_side_hint(const AxPerception *perception, int side_of_letters) {
  guint turned = 0;

  for (guint i = 0; i < AX_N_PAIRS; i++) {
    guint left, right;
    AxBox l, r;

    ax_anatomy_pair(i, &left, &right);
    l = perception->anatomy[left].box, r = perception->anatomy[right].box;
    turned += l.x1 + l.x2 < r.x1 + r.x2;
  }
  if (turned < PAIRS_NEEDED)
    return AX_SIDES_USUAL;
  return side_of_letters < 0 ? AX_SIDES_MIRRORED : side_of_letters > 0 ? AX_SIDES_ORGANS : AX_SIDES_UNKNOWN;
}

const char *ax_misfit_hint_text(const AxPerception *perception) {
  if (ax_perception_misfit(perception) <= AX_MISFIT_LIMIT)
    return NULL;
  return _("This does not look like a frontal chest radiograph: the structures that the model found do not fit together. Do not trust its boxes, sentences and answers here.");
}

const char *ax_side_hint_text(AxSides sides) {
  switch (sides) {
  case AX_SIDES_MIRRORED:
    return _("This image looks mirrored: the model finds left and right exchanged, and so does the letter on it. H turns the view over.");
  case AX_SIDES_ORGANS:
    return _("The model finds left and right exchanged, but the letter stands on its usual side: a displaced heart, organs on the other side, or a wrong letter. Do not trust its sides here.");
  case AX_SIDES_UNKNOWN:
    return _("The model finds left and right exchanged: a mirrored image, a displaced heart, or organs on the other side. No letter was read that tells which.");
  case AX_SIDES_USUAL:
  default:
    return NULL;
  }
}
