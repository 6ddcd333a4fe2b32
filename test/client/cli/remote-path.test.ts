import test from 'ava';
import { UsageError } from '../../../client/cli/errors.js';
import {
  childOf,
  isBelow,
  looksLikeDirectory,
  nameOf,
  normalize,
  parentOf,
  parseRemotePath,
} from '../../../client/cli/remote-path.js';

const parse = (text: string) => parseRemotePath(text, '/user/alice');

test('absolute paths lose doubled and trailing slashes, . and ..', (t) => {
  t.is(parse('//a///b/').absolute, '/a/b');
  t.is(parse('/a/./b/../c').absolute, '/a/c');
  t.is(normalize('/../..'), '/');
  t.is(parse('/').absolute, '/');
});

test('relative paths start from the home directory', (t) => {
  t.is(parse('a b').absolute, '/user/alice/a b');
  t.is(parse('.').absolute, '/user/alice');
  t.is(parse('../bob').absolute, '/user/bob');
});

test('URIs name a cluster', (t) => {
  t.like(parse('hdfs://nn:9000/a/b'), { absolute: '/a/b', namenode: 'nn:9000', shown: 'hdfs://nn:9000/a/b' });
  t.like(parse('hdfs://nn/a'), { absolute: '/a', namenode: 'nn:8020' });
  t.like(parse('hdfs://nn:9000'), { absolute: '/', namenode: 'nn:9000' });
  t.deepEqual(parse('hdfs:///a'), { absolute: '/a', shown: 'hdfs:///a' });
});

test('a colon that is part of a name starts no URI', (t) => {
  t.is(parse('/a:b').absolute, '/a:b');
  t.is(parse('12:30.log').absolute, '/user/alice/12:30.log');
});

test('other file systems and empty paths are refused', (t) => {
  t.throws(() => parse('file:///etc/passwd'), { instanceOf: UsageError, message: /only hdfs:\/\/ paths/ });
  t.throws(() => parse('s3://bucket/x'), { instanceOf: UsageError });
  t.throws(() => parse(''), { instanceOf: UsageError });
});

test('children are shown below what the user wrote', (t) => {
  t.like(childOf(parse('/a/'), 'x'), { shown: '/a/x', absolute: '/a/x' });
  t.like(childOf(parse('/'), 'x'), { shown: '/x', absolute: '/x' });
  t.like(childOf(parse('.'), 'x'), { shown: 'x', absolute: '/user/alice/x' });
  t.like(childOf(parse('hdfs://nn:1/a'), 'x'), { shown: 'hdfs://nn:1/a/x', absolute: '/a/x', namenode: 'nn:1' });
});

test('names and parents', (t) => {
  t.is(nameOf(parse('/a/b/')), 'b');
  t.is(nameOf(parse('/')), '');
  t.is(parentOf('/a/b'), '/a');
  t.is(parentOf('/a'), '/');
});

test('what ends with a slash, . or .. looks like a directory', (t) => {
  for (const text of ['/a/', '.', '..', '/a/.', '/']) t.true(looksLikeDirectory(parse(text)), text);
  for (const text of ['/a', 'a.', '/a/..b']) t.false(looksLikeDirectory(parse(text)), text);
});

test('a path is below another only at a slash', (t) => {
  t.true(isBelow(parse('/a/b'), parse('/a')));
  t.true(isBelow(parse('/a'), parse('/')));
  t.false(isBelow(parse('/ab'), parse('/a')));
  t.false(isBelow(parse('/a'), parse('/a')));
});
