/** Version of the software, as processes tell it to each other and to people; the same as in package.json (a test holds them equal). */
export const VERSION = '0.1.0';
