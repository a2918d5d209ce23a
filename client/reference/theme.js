import { MarkdownTheme, MarkdownThemeContext } from 'typedoc-plugin-markdown';

/** A method as its signature, which tells all types, and then words. (TypeDoc has many headings there, and tells each type twice.) */
export class Theme extends MarkdownTheme {
  /** @param {any} page */
  getRenderContext(page) {
    return new Context(this, page, this.application.options);
  }
}

class Context extends MarkdownThemeContext {
  constructor(...args) {
    super(...args);
    Object.assign(this.partials, {
      signature: (model, { hideTitle, accessor }) => paragraphs([hideTitle ? '' : this.partials.signatureTitle(model, { accessor }), this.#words(model)]),
      constructor: (model) => `### new ${model.parent.name}()\n\n${this.partials.signatures(model, { headingLevel: 4 })}`,
      hierarchy: () => '',
    });
  }

  #words({ comment, parent, parameters = [] }) {
    const said = comment ?? parent?.comment;
    return paragraphs([this.#text(said?.summary), this.#parameters(parameters).join('\n'), outcome(this.#text(said?.getTag('@returns')?.content))]);
  }

  /** A line for each that has words. */
  #parameters(parameters) {
    const told = parameters.map(({ name, comment }) => ({ name, text: this.#text(comment?.summary) }));
    return told.filter(({ text }) => text !== '').map(({ name, text }) => `- \`${name}\`: ${text}`);
  }

  #text(parts = []) {
    return this.helpers.getCommentParts(parts).trim().replace(/\n +/g, ' ');
  }
}

/** @param {string[]} parts */
function paragraphs(parts) {
  return parts.filter((part) => part !== '').join('\n\n');
}

/** @param {string} text */
function outcome(text) {
  if (text === '') return '';
  return /^(resolves|rejects)/.test(text) ? `The promise ${text}.` : `Returns ${text}.`;
}
